#!/usr/bin/env python3
"""Compares frames with PyAV's (PyPI: av), file for file: number, mean difference of each frame, and whether a second
pass and 16 frames alone (which are sought) have the same bits. Needs the program that `make build/bench/bench_video`
builds.

    check_video.py PROGRAM VIDEO ...        exit 1 when a frame's mean difference is above 0.75 levels
"""
import hashlib
import itertools
import subprocess
import sys

import av
import numpy

LIMIT = 0.75  # of 255: what torchvision accepts between its decoders


def ours(program, path, shape, *count):
    """One frame at a time: those of a minute do not fit into memory."""
    size = shape[0] * shape[1] * 3
    with subprocess.Popen([program, path, *count], stdout=subprocess.PIPE) as process:
        while frame := process.stdout.read(size):
            yield numpy.frombuffer(frame, numpy.uint8).reshape(*shape, 3)
    if process.returncode:
        sys.exit(f"{path}: not decoded")


def theirs(path):
    """rgb24 with the matrix and range that each frame names, turned by its display matrix."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            yield numpy.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))


def hashes(frames):
    return [hashlib.md5(frame).digest() for frame in frames]


def check(program, path):
    shape = next(theirs(path)).shape[:2]
    means, most, seen = [], 0, []
    for own, other in itertools.zip_longest(ours(program, path, shape), theirs(path)):
        if own is None or other is None:
            sys.exit(f"{path}: another number of frames behind {len(seen)}")
        difference = abs(own.astype(numpy.int16) - other)
        means.append(difference.mean())
        most = max(most, difference.max())
        seen.append(hashlib.md5(own).digest())
    chosen = [seen[(2 * i + 1) * len(seen) // 32] for i in range(16)]
    same = hashes(ours(program, path, shape)) == seen and hashes(ours(program, path, shape, "16")) == chosen
    print(f"{path}: {len(seen)} frames, {shape[1]} x {shape[0]}, largest mean {max(means):.3f}, mean of means "
          f"{sum(means) / len(means):.3f}, largest difference {most}, {'same' if same else 'OTHER'} bits", flush=True)
    return same and max(means) <= LIMIT


sys.exit(not all([check(sys.argv[1], path) for path in sys.argv[2:]]))
