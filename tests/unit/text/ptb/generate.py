#!/usr/bin/env python3
"""Captions that nobody wrote, to ask the program that make.py asks: generate.py SEED COUNT, JSON strings as in `lines`.
They are pieces (the lines from "a" to "B. Here") beside each other, some with marks thrown in. Where the two programs
differ, the shortest line that shows it belongs into `lines`."""
import json
import random
import sys

MARKS = list(".,:;!?'\"`()[]{}<>-_/@#$%&*+=~^|\\’‘“”–…") + ["a", "A", "0", " "]


def pieces():
    lines = [json.loads(line) for line in open("lines")]
    return lines[lines.index("a"):lines.index("B. Here") + 1]


def marked(rng, text):
    text = list(text)
    for _ in range(rng.randint(1, 5)):
        text.insert(rng.randint(0, len(text)), rng.choice(MARKS))
    return "".join(text)


def line(rng, pieces):
    between = rng.choice([[" "], [" ", ""]])
    text = "".join(rng.choice(pieces) + rng.choice(between) for _ in range(rng.randint(1, 5)))
    kind = rng.random()
    if kind < 0.1:
        return "".join(rng.choices(MARKS, k=rng.randint(1, 8)))
    return marked(rng, text) if kind < 0.4 else text


rng, asked = random.Random(int(sys.argv[1])), pieces()
for _ in range(int(sys.argv[2])):
    print(json.dumps(line(rng, asked), ensure_ascii=False))
