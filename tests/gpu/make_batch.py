#!/usr/bin/env python3
"""Writes a batch of synthetic pixels and captions for `coca-tap import`, with nothing but the standard library.

    python make_batch.py OUT SAMPLES IMAGE_SIZE T VOCABULARY [SEED]

Captions are BOS words EOS PAD, 1/4 to 3/4 of T long, as alt-text is.
"""
import json
import random
import struct
import sys

out, samples, size, T, vocabulary = sys.argv[1], *map(int, sys.argv[2:6])
draw = random.Random(int(sys.argv[6]) if len(sys.argv) > 6 else 0)


def caption():
    words = draw.randint(T // 4, 3 * T // 4) - 2
    row = [1] + [draw.randint(4, vocabulary - 1) for _ in range(max(words, 1))] + [2]
    return row + [0] * (T - len(row))


tensors = {
    "pixels": ("U8", [samples, size, size, 3], b"".join(draw.randbytes(size * size * 3) for _ in range(samples))),
    "tokens": ("I32", [samples, T], b"".join(struct.pack(f"<{T}i", *caption()) for _ in range(samples))),
    "ids": ("I64", [samples], struct.pack(f"<{samples}q", *range(samples))),
}
header, at = {}, 0
for name, (dtype, shape, data) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
    at += len(data)
text = json.dumps(header).encode()
with open(out, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for _, _, data in tensors.values():
        file.write(data)
