#!/usr/bin/env python3
"""Compares the distances of perceptual hashes that `coca-pack dedup` lists with those of Python's imagehash (PyPI:
imagehash): how many bits they differ by, which the resize (bicubic here, Lanczos there) is to blame for.

    check_phash.py COCA-PACK DATASET AGAINST        exit 1 where they are more than 8 bits apart, or 2 on average
"""
import io
import subprocess
import sys

import imagehash
import PIL.Image

MOST, MEAN = 8, 2.0


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def names(program, dataset):
    """The number of each record by its name, as dedup names them."""
    lines = run(program, "list", dataset).decode().splitlines()
    return {line.split("\t")[1] or f"#{number}": number for number, line in enumerate(lines)}


def look(program, dataset, number):
    return imagehash.phash(PIL.Image.open(io.BytesIO(run(program, "extract", dataset, str(number)))).convert("RGB"))


def main():
    program, own, against = sys.argv[1:]
    numbers, others = names(program, own), names(program, against)
    apart = []
    for line in run(program, "dedup", own, "--against", against, "--distance", "32").decode().splitlines():
        name, other, how, distance = line.split("\t")
        if how == "hash" and name in numbers and other in others:
            theirs = look(program, own, numbers[name]) - look(program, against, others[other])
            apart.append(abs(theirs - int(distance)))
    if not apart:
        sys.exit("no pairs")
    mean = sum(apart) / len(apart)
    print(f"{len(apart)} pairs: {apart.count(0)} at the same distance, {mean:.2f} bits apart on average, {max(apart)} at most")
    sys.exit(max(apart) > MOST or mean > MEAN)


if __name__ == "__main__":
    main()
