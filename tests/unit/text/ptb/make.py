#!/usr/bin/env python3
"""Golden tokens of captions, and the table of characters, from Stanford CoreNLP 3.4.1's outputs: run in this folder as
make.py stanford-corenlp-3.4.1.jar (of PyPI's pycocoevalcap, with a Java to run it).

    tokens    what is left of each line of `lines` (JSON strings: some hold controls) after COCO's script
    ../../../../common/text/tables/ptb.inc    ranges of characters that are letters, digits and marks there
"""
import json
import subprocess
import sys
import tempfile

PUNCTUATION = "'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split()
CLASSES = "../../../../common/text/tables/ptb.inc"


def raw(lines):
    """Tokens of each line. A line between any two keeps them apart: the lexer looks over line ends."""
    with tempfile.NamedTemporaryFile("w", encoding="utf8", newline="") as file:
        file.write("".join(line + "\nx\n" for line in lines))
        file.flush()
        java = ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", sys.argv[1]]
        lexer = ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", file.name]
        out = subprocess.run(java + lexer, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    tokens = out.decode().split("\n")[:-1]
    assert len(tokens) == 2 * len(lines)
    return tokens[::2]


def class_of(alone, between, digit, hyphened):
    if not alone or between == "ab":
        return None
    if " " in between or alone == "cents":
        return "SYMBOL"
    return "DIGIT" if " " not in digit else "MARK" if " " in hyphened else "LETTER"


def write_classes():
    points = [p for p in range(0x80, 0x10000) if p not in (0x85, 0x2028, 0x2029) and not 0xD800 <= p < 0xE000]
    asked = [raw([text.replace("%", chr(p)) for p in points]) for text in ("%", "a%b", ".%", "a-x%y")]
    ranges = []
    for point, *seen in zip(points, *asked):
        found = class_of(*seen)
        if found and ranges and ranges[-1][1:] == [point - 1, found]:
            ranges[-1][1] = point
        elif found:
            ranges.append([point, point, found])
    with open(CLASSES, "w") as file:
        file.write("// Made by tests/unit/text/ptb/make.py from the outputs of Stanford CoreNLP 3.4.1.\n")
        file.writelines(f"{{0x{first:X}, 0x{last:X}, PTB_{found}}},\n" for first, last, found in ranges)


lines = [json.loads(line) for line in open("lines")]
with open("tokens", "w") as file:
    for tokens in raw(lines):
        file.write(" ".join(token for token in tokens.rstrip().split(" ") if token not in PUNCTUATION) + "\n")
write_classes()
