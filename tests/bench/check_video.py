#!/usr/bin/env python3
"""Compares frames with PyAV's (PyPI: av), file for file: number, mean difference of each frame, and whether a second
pass and 16 frames alone (which are sought) have the same bits. Needs the program that `make build/bench/bench_video`
builds.

    check_video.py PROGRAM VIDEO ...        exit 1 when a frame's mean difference is above 0.75 levels
"""
import subprocess
import sys

import av
import numpy

LIMIT = 0.75  # of 255: what torchvision accepts between its decoders


def ours(program, path, *count):
    made = subprocess.run([program, path, *count], capture_output=True)
    if made.returncode:
        sys.exit(f"{path}: {made.stderr.decode()}")
    width, height, frames = map(int, made.stderr.split()[-3:])
    return numpy.frombuffer(made.stdout, numpy.uint8).reshape(-1, height, width, 3), frames


def theirs(path):
    """rgb24 with the matrix and range that each frame names, turned by its display matrix."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            pixels = frame.to_ndarray(format="rgb24")
            yield numpy.rot90(pixels, round(frame.rotation / 90))


worst = 0
for path in sys.argv[2:]:
    frames, count = ours(sys.argv[1], path)
    means, most, seen = [], 0, 0
    for seen, frame in enumerate(theirs(path), 1):
        if seen > len(frames):
            continue
        if frame.shape != frames[seen - 1].shape:
            sys.exit(f"{path}: {frames.shape[1:]} and {frame.shape}")
        difference = abs(frames[seen - 1].astype(int) - frame)
        means.append(difference.mean())
        most = max(most, difference.max())
    again, _ = ours(sys.argv[1], path)
    chosen, _ = ours(sys.argv[1], path, "16")
    places = [(2 * i + 1) * count // 32 for i in range(16)]
    same = (again == frames).all() and (chosen == frames[places]).all()
    print(f"{path}: {len(frames)} frames ({seen}), {frames.shape[2]} x {frames.shape[1]}, largest mean {max(means):.3f}, "
          f"mean of means {sum(means) / len(means):.3f}, largest difference {most}, {'same' if same else 'OTHER'} bits")
    worst = max(worst, max(means))
    if not same or seen != len(frames):
        worst = 255
sys.exit(worst > LIMIT)
