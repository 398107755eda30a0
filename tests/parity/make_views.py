#!/usr/bin/env python3
"""Golden views: what open_clip 3.3.0's evaluation transform with Pillow 13 makes of pictures. Run from this folder.

Writes views/, with its list views.txt: FILE KIND FILTER SIZE FILL GOLDEN TOLERANCE, paths as from images/, pixels in GOLDEN as raw 8-bit RGB.
Pictures of images/ (make_images.py) are used too. They are loaded as webdataset's "pilrgb" does for open_clip: converted to
RGB first, whatever is transparent.
"""
from pathlib import Path

import numpy as np
from open_clip.transform import image_transform
from PIL import Image

OUT, IMAGES = Path("views"), Path("images")
MODES = {"centre": "shortest", "long": "longest", "squash": "squash"}
rng = np.random.default_rng(5)
lines = []


def edges(width, height):
    """Black and white blocks with coloured noise: where passes cut off."""
    blocks = rng.integers(0, 2, (height // 3 + 1, width // 3 + 1, 1)) * 255
    picture = blocks.repeat(3, 0).repeat(3, 1)[:height, :width] + rng.normal(0, 25, (height, width, 3))
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def photo(width, height):
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 90 * np.sin(x / (9 + 4 * c) + c) * np.cos(y / (11 - 2 * c)) for c in range(3)]
    return Image.fromarray((np.stack(planes, -1) + rng.normal(0, 12, (height, width, 3))).clip(0, 255).astype(np.uint8))


def view(path, kind, size, interpolation, fill):
    transform = image_transform(size, is_train=False, mean=(0.0,) * 3, std=(1.0,) * 3, resize_mode=MODES[kind],
                                interpolation=interpolation, fill_color=fill)
    with Image.open(path) as picture:
        pixels = transform(picture.convert("RGB"))
    return (pixels.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)


def expect(path, kind, size, interpolation="bicubic", fill=0):
    golden = f"{path.stem}-{len(lines)}.rgb"
    (OUT / golden).write_bytes(view(path, kind, size, interpolation, fill).tobytes())
    tolerance = {".png": 1, ".jpg": 2, ".webp": 1}[path.suffix]
    lines.append(f"../{path} {kind} {interpolation} {size} {fill} ../{OUT / golden} {tolerance}")


OUT.mkdir(exist_ok=True)
for old in OUT.iterdir():
    old.unlink()
made = {"wide.png": (97, 41), "tall.png": (37, 101), "square.png": (50, 50), "thin.png": (3, 70)}
for name, sides in made.items():
    edges(*sides).save(OUT / name)
for name, sides in {"photo.jpg": (150, 113), "portrait.jpg": (60, 131)}.items():
    photo(*sides).save(OUT / name, quality=85)
for name in made:
    for kind in MODES:
        expect(OUT / name, kind, 16)
    expect(OUT / name, "squash", 24, "bilinear")
    expect(OUT / name, "long", 23, "bicubic", 127)
for name in ("photo.jpg", "portrait.jpg"):
    for kind in MODES:
        expect(OUT / name, kind, 20)
        expect(OUT / name, kind, 12, "bilinear", 255)
expect(OUT / "wide.png", "centre", 60)
expect(OUT / "tall.png", "long", 110, "bilinear", 9)
for name in ("rgba.png", "palette-alpha.png", "rgb-key.png", "grey-alpha.png", "grey8.png", "palette4.png", "rgb-interlaced.png",
             "alpha.webp", "lossless.webp", "420.jpg", "progressive.jpg", "grey.jpg", "422.jpg"):
    for kind in MODES:
        expect(IMAGES / name, kind, 11)
(OUT / "views.txt").write_text("\n".join(lines) + "\n")
