#!/usr/bin/env python3
"""Tables of common/text that no library of Debian has, as C: run in this folder, with ftfy and regex installed.

    entities.inc   HTML's named characters (html.entities of Python)
    charmaps.inc   bytes 0x80-0xff of the encodings that text is often wrongly read in (ftfy's "sloppy" ones where it has them)
    mojibake.inc   sets of characters that wrongly read UTF-8 is made of (ftfy), as PCRE2 classes without the brackets
    newer.inc      letters and numbers of the newest Unicode that PCRE2's does not know (regex), the same way
"""
import html.entities
import re
import sys
import unicodedata

import ftfy.badness
import ftfy.chardata
import regex

PCRE2_UNICODE = "14.0.0"  # of Debian 12's PCRE2 10.42; Python 3.11's too, which is needed below
assert unicodedata.unidata_version == PCRE2_UNICODE


def write(name, lines):
    with open(name, "w") as file:
        file.write("// Made by make.py.\n" + "\n".join(lines) + "\n")


def c_string(text):
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def ranges(points):
    """[(first, last)] of sorted code points."""
    out = []
    for point in points:
        if out and out[-1][1] == point - 1:
            out[-1][1] = point
        else:
            out.append([point, point])
    return out


def pcre2_class(points):
    return "".join(f"\\\\x{{{a:x}}}" + (f"-\\\\x{{{b:x}}}" if b > a else "") for a, b in ranges(points))


def define(name, text, width=96):
    """A macro of adjacent strings, cut between escapes."""
    parts, line = [], ""
    for piece in re.findall(r"\\\\x\{[0-9a-f]+\}(?:-\\\\x\{[0-9a-f]+\})?", text):
        if len(line) + len(piece) > width:
            parts.append(line)
            line = ""
        line += piece
    parts.append(line)
    return f"#define {name} \\\n" + " \\\n".join(f'    "{part}"' for part in parts)


def members(inside):
    """Code points of a class of Python's re."""
    pattern = re.compile(f"[{inside}]")
    return [point for point in range(0x110000) if pattern.match(chr(point))]


def entities():
    rows = sorted((name.encode(), text) for name, text in html.entities.html5.items())
    write("entities.inc", [f'{{"{name.decode()}", {c_string(text)}}},' for name, text in rows])


def charmaps():
    rows = []
    for encoding in ftfy.chardata.CHARMAP_ENCODINGS:
        points = [ord(char) for char in bytes(range(0x80, 0x100)).decode(encoding)]
        sloppy = str(encoding.startswith("sloppy")).lower()
        rows.append(f'{{"{encoding}", {sloppy}, {{')
        rows += ["    " + " ".join(f"0x{p:04x}," for p in points[i : i + 12]) for i in range(0, 128, 12)]
        rows.append("}},")
    write("charmaps.inc", rows)


def mojibake():
    sets = {f"SET_{name.upper()}": inside for name, inside in ftfy.badness.MOJIBAKE_CATEGORIES.items()}
    sets |= {name.upper(): inside for name, inside in ftfy.chardata.UTF8_CLUES.items()}
    write("mojibake.inc", [define(name, pcre2_class(members(inside))) for name, inside in sets.items()])


def newer():
    lines = []
    for name, category in (("NEWER_LETTERS", "L"), ("NEWER_NUMBERS", "N")):
        pattern = regex.compile(rf"\p{{{category}}}")
        points = [p for p in range(0x110000) if not 0xD800 <= p < 0xE000
                  and pattern.match(chr(p)) and unicodedata.category(chr(p))[0] != category]
        lines.append(define(name, pcre2_class(points)))
    write("newer.inc", lines)


for make in (entities, charmaps, mojibake, newer):
    make()
