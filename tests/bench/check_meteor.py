#!/usr/bin/env python3
"""Compares METEOR of `coca-score metrics` with that of METEOR's own program, picture by picture, on captions made of
texts of any kind. Needs Java, the jar and the paraphrases of pycocoevalcap 1.2, and what data/meteor.sh makes of them.

    check_meteor.py COCA-SCORE ENGLISH.METEOR PYCOCOEVALCAP TEXTS [COUNT [SEED]]       exit 1 when a score differs by 1e-6

TEXTS are lines; `coca-pack list data/clipart/train --captions` prints some. PYCOCOEVALCAP is the wheel's folder.
"""
import gzip
import json
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

MARKS = list("aAsS 19 .,'`-\"\u2019\u2018\u201c\u201d\u2013\u2026!?:;()[]&%$#/_*+=<>{}~^@\u00e9 \u042e\u5b57\u00a0\u3000") + [
    "..", "...", "--", "''", "``", "U.S.", "Mr.", "No.", "e.g.", "1,000", "3.5", "don't", "'s", "t-shirt", "x-y-z", "v."]
ENDINGS = ["s", "es", "ed", "ing", "er", "est", "ly", "ness", "'s", "ful", "ies"]
PAIRS = 5274084


def some_paraphrases(path, rng):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for _ in range(PAIRS):
            file.readline()
            pair = file.readline().strip(), file.readline().strip()
            if rng.random() < 0.01:
                yield pair


def perturbed(rng, text, pairs):
    words = []
    for word in text.split(" "):
        kind = rng.random()
        if kind > 0.06:
            words.append(word + rng.choice(ENDINGS) if kind < 0.14 else word)
        if kind > 0.95:
            words.append(word)
    if rng.random() < 0.2:
        i, j = sorted(rng.choices(range(len(words) + 1), k=2))
        words[i:j] = words[i:j][::-1]
    if rng.random() < 0.25:
        words.insert(rng.randint(0, len(words)), rng.choice(rng.choice(pairs)))
    return " ".join(words)


def case(rng, texts, pairs):
    kind = rng.random()
    if kind < 0.15:
        chosen = rng.sample(pairs, rng.randint(1, 4))
        return " and the ".join(p[0] for p in chosen), [" and the ".join(p[1] for p in chosen)]
    text = rng.choice(texts) if kind < 0.85 else "".join(
        rng.choice(MARKS) + rng.choice(["", "", " "]) for _ in range(rng.randint(0, 25)))
    return perturbed(rng, text, pairs), [perturbed(rng, text, pairs) if rng.random() < 0.8 else rng.choice(texts)
                                         for _ in range(rng.randint(1, 5))]


def theirs(folder, cases):
    program = subprocess.Popen(["java", "-Xmx4G", "-jar", f"{folder}/meteor/meteor-1.5.jar", "-", "-", "-stdio", "-l", "en",
                                "-norm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    lines = "".join(" ||| ".join(["SCORE", *references, text]) + "\n" for text, references in cases)
    writer = threading.Thread(target=lambda: (program.stdin.write(lines), program.stdin.flush()))
    writer.start()
    statistics = [program.stdout.readline().strip() for _ in cases]
    writer.join()
    program.stdin.write(" ||| ".join(["EVAL", *statistics]) + "\n")
    program.stdin.close()
    return [float(program.stdout.readline()) for _ in range(len(cases) + 1)]


def ours(program, data, cases):
    with tempfile.TemporaryDirectory() as folder:
        references = [{"image_id": i, "caption": text} for i, case in enumerate(cases) for text in case[1]]
        Path(folder, "r.json").write_text(json.dumps({"annotations": references}))
        Path(folder, "c.json").write_text(json.dumps([{"image_id": i, "caption": c[0]} for i, c in enumerate(cases)]))
        corpus = subprocess.run([program, "metrics", "--references", f"{folder}/r.json", "--results", f"{folder}/c.json",
                                 "--tokenizer", "none", "--meteor-data", data, "--per-image", f"{folder}/each.json"],
                                check=True, capture_output=True)
        each = json.loads(Path(folder, "each.json").read_text())
        return [picture["METEOR"] for picture in each] + [json.loads(corpus.stdout)["METEOR"]]


def main():
    program, data, folder, source = sys.argv[1:5]
    count, seed = (int(text) for text in (sys.argv[5:7] + ["8000", "1"][len(sys.argv) - 5:]))
    rng = random.Random(seed)
    pairs = list(some_paraphrases(f"{folder}/meteor/data/paraphrase-en.gz", rng))
    texts = [line.replace("|||", "") for line in Path(source).read_text(encoding="utf-8").split("\n") if line.strip()]
    cases = [case(rng, texts, pairs) for _ in range(count)]
    differences = [abs(a - b) for a, b in zip(theirs(folder, cases), ours(program, data, cases))]
    wrong = [i for i, difference in enumerate(differences) if difference > 1e-6]
    for i in wrong[:10]:
        print("all" if i == count else cases[i])
    print(f"{count} pictures, {len(wrong)} differ, by {max(differences)} at most; together by {differences[-1]}")
    return bool(wrong)


sys.exit(main())
