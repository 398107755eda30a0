#!/usr/bin/env python3
"""Golden pictures of RandAugment: what torchvision 0.29 makes of Pillow 13's pictures, operation by operation.

Run from this folder. Writes augment/: cases.txt with SIZE OPERATION LEVEL SIGN MAGNITUDE a line, golden.rgb with their
outputs one behind the other, and the inputs SIZE.rgb, all raw 8-bit RGB.
"""
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode, RandAugment
from torchvision.transforms.autoaugment import _apply_op

OUT = Path("augment")
LEVELS = {1: (20,), 2: (10, 30), 9: (5, 20, 30), 20: (0, 10, 20), 33: (10, 20)}
rng = np.random.default_rng(8)


def scene(size):
    """Smooth colours with noise, a black and a white block."""
    y, x = np.mgrid[0:size, 0:size]
    planes = [127 + 80 * np.sin(x / (5 + 2 * c) + c) * np.cos(y / (7 - c)) for c in range(3)]
    pixels = np.stack(planes, -1) + rng.normal(0, 9, (size, size, 3))
    pixels[: size // 4, : size // 4], pixels[-(size // 4):, : size // 4] = 0, 255
    return pixels.clip(0, 255).astype(np.uint8)


def dull(size):
    """Few levels of red and blue, of green one."""
    pixels = rng.integers(90, 140, (size, size, 3), dtype=np.uint8)
    pixels[..., 1] = 77
    return pixels


def noise(size):
    return rng.integers(0, 256, (size, size, 3), dtype=np.uint8)


def cases(size):
    for name, (magnitudes, signed) in RandAugment()._augmentation_space(31, (size, size)).items():
        for level in LEVELS[size] if magnitudes.ndim else (0,):
            for sign in (1, -1) if signed else (1,):
                yield name, level, sign, float(magnitudes[level]) if magnitudes.ndim else 0.0


OUT.mkdir(exist_ok=True)
lines, golden = [], b""
for size, make in {1: noise, 2: noise, 9: noise, 20: dull, 33: scene}.items():
    picture = Image.fromarray(make(size))
    (OUT / f"{size}.rgb").write_bytes(picture.tobytes())
    for name, level, sign, magnitude in cases(size):
        golden += _apply_op(picture, name, sign * magnitude, InterpolationMode.NEAREST, None).tobytes()
        lines.append(f"{size} {name} {level} {sign} {magnitude:.9g}")
(OUT / "golden.rgb").write_bytes(golden)
(OUT / "cases.txt").write_text("\n".join(lines) + "\n")
