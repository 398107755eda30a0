#!/usr/bin/env python3
"""Golden files of the image room: encoded pictures and what they must decode and resize to, as PIL does it.

Run from this folder; writes images/. Pixels are raw 8-bit RGB. Two lists name them:
    decode.txt  FILE WIDTH HEIGHT ORIENTATION TOLERANCE   pixels in FILE.rgb, upright
    resize.txt  FILE KIND WIDTH HEIGHT LEFT TOP RIGHT BOTTOM OUT   KIND resize (of the box) or centre (crop)
Tolerance is for lossy files alone: the decoder here need not be the version in PIL.
"""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUT = Path("images")
rng = np.random.default_rng(3)


def scene(width, height, channels=3):
    """Smooth colours with some noise and a hard edge."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 100 * np.sin(x / (3 + c) + c) * np.cos(y / (5 - c % 3)) for c in range(channels)]
    picture = np.stack(planes, -1) + rng.normal(0, 6, (height, width, channels))
    picture[:, width // 2 :] += 25
    return picture.clip(0, 255).round().astype(np.uint8)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_rows(samples, depth):
    """[height, width, channels] to unfiltered scan lines of a PNG."""
    lines = b""
    for row in samples.reshape(len(samples), -1):
        if depth == 16:
            data = row.astype(">u2").tobytes()
        elif depth == 8:
            data = row.astype(np.uint8).tobytes()
        else:
            bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            data = np.packbits(bits.astype(np.uint8)).tobytes()
        lines += b"\0" + data
    return lines


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, depth, colour, before=b"", interlaced=False):
    height, width = samples.shape[:2]
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    lines = b"".join(pack_rows(part, depth) for part in passes if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(lines, 9))
            + chunk(b"IEND", b""))


def exif(orientation, endian="<"):
    mark = {"<": b"II", ">": b"MM"}[endian]
    value = struct.pack(endian + "HH", orientation, 0)
    return mark + struct.pack(endian + "HIHHHI", 42, 8, 1, 0x112, 3, 1) + value + struct.pack(endian + "I", 0)


decode_lines, resize_lines = [], []


def expect(name, data, pixels, orientation=1, tolerance=0):
    (OUT / name).write_bytes(data)
    (OUT / (name + ".rgb")).write_bytes(np.ascontiguousarray(pixels).tobytes())
    decode_lines.append(f"{name} {pixels.shape[1]} {pixels.shape[0]} {orientation} {tolerance}")


def pixels_by_pil(data):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if picture.mode == "CMYK" or not picture.has_transparency_data:
        return np.asarray(picture.convert("RGB"))
    picture = picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return np.asarray(white)


def by_pil(name, data, orientation=1, tolerance=0):
    expect(name, data, pixels_by_pil(data), orientation, tolerance)


def encoded(picture, **options):
    file = io.BytesIO()
    picture.save(file, **options)
    return file.getvalue()


def over_white(samples, alpha):
    samples, alpha = samples.astype(int), alpha.astype(int)
    return ((samples * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def make_png():
    plain = scene(23, 17)
    grey = scene(23, 17, 1)
    alpha = scene(23, 17, 1)
    wide = rng.integers(0, 65536, (17, 23, 4))
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    for depth in (1, 2, 4, 8):
        steps = (1 << depth) - 1
        by_pil(f"grey{depth}.png", png(grey >> (8 - depth), depth, 0))
        index = rng.integers(0, steps + 1, (17, 23, 1))
        plte = chunk(b"PLTE", palette[: steps + 1].tobytes())
        by_pil(f"palette{depth}.png", png(index, depth, 3, plte))
        by_pil(f"interlaced{depth}.png", png(index, depth, 3, plte, interlaced=True))
    trns = chunk(b"tRNS", bytes(range(0, 250, 10)))
    by_pil("palette-alpha.png", png(rng.integers(0, 256, (17, 23, 1)), 8, 3, chunk(b"PLTE", palette.tobytes()) + trns))
    by_pil("rgb.png", png(plain, 8, 2))
    by_pil("rgb-interlaced.png", png(plain, 8, 2, interlaced=True))
    by_pil("rgba.png", png(np.concatenate([plain, alpha], -1), 8, 6))
    by_pil("rgba-interlaced.png", png(np.concatenate([plain, alpha], -1), 8, 6, interlaced=True))
    by_pil("grey-alpha.png", png(np.concatenate([grey, alpha], -1), 8, 4))
    key = chunk(b"tRNS", struct.pack(">HHH", *map(int, plain[3, 4])))
    by_pil("rgb-key.png", png(plain, 8, 2, key))
    by_pil("exif.png", png(plain, 8, 2, chunk(b"eXIf", exif(6))), 6)
    high = wide >> 8  # PIL reads 16-bit grey as integers, so these are by definition: the high byte
    expect("rgb16.png", png(wide[..., :3], 16, 2), high[..., :3].astype(np.uint8))
    expect("rgba16.png", png(wide, 16, 6), over_white(high[..., :3], high[..., 3:]))
    expect("grey16.png", png(wide[..., :1], 16, 0), high[..., :1].repeat(3, -1).astype(np.uint8))
    expect("grey-alpha16.png", png(wide[..., :2], 16, 4), over_white(high[..., :1].repeat(3, -1), high[..., 1:2]))


def make_jpeg():
    picture = Image.fromarray(scene(45, 37))
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        by_pil(f"{name}.jpg", encoded(picture, format="JPEG", quality=90, subsampling=subsampling), tolerance=1)
    by_pil("progressive.jpg", encoded(picture, format="JPEG", quality=85, progressive=True), tolerance=1)
    by_pil("restart.jpg", encoded(picture, format="JPEG", quality=85, restart_marker_blocks=2), tolerance=1)
    by_pil("rgb.jpg", encoded(picture, format="JPEG", quality=90, keep_rgb=True), tolerance=1)
    by_pil("grey.jpg", encoded(picture.convert("L"), format="JPEG", quality=90), tolerance=1)
    by_pil("cmyk.jpg", encoded(Image.fromarray(scene(29, 21, 4), "CMYK"), format="JPEG", quality=90), tolerance=1)
    small = Image.fromarray(scene(19, 13))
    for orientation in range(1, 9):
        data = encoded(small, format="JPEG", quality=90, exif=b"Exif\0\0" + exif(orientation, "<>"[orientation % 2]))
        by_pil(f"orientation{orientation}.jpg", data, orientation, tolerance=1)


def make_webp():
    picture = Image.fromarray(scene(31, 23, 4), "RGBA")
    by_pil("lossy.webp", encoded(picture.convert("RGB"), format="WEBP", quality=80), tolerance=1)
    by_pil("lossless.webp", encoded(picture.convert("RGB"), format="WEBP", lossless=True))
    by_pil("alpha.webp", encoded(picture, format="WEBP", quality=80), tolerance=1)
    by_pil("exif.webp", encoded(picture.convert("RGB"), format="WEBP", lossless=True, exif=exif(8)), 8)


def expect_resize(name, kind, size, box, pixels):
    file = f"{Path(name).stem}-{len(resize_lines)}.rgb"
    (OUT / file).write_bytes(np.ascontiguousarray(pixels).tobytes())
    resize_lines.append(" ".join(map(str, (name, kind, *size, *box, file))))


def resized(picture, size, box):
    """Image.resize with the horizontal pass first, as PIL up to 12 always does; for 13 see make_views.py."""
    left, top, right, bottom = box
    rows = picture.resize((size[0], picture.height), Image.BICUBIC, box=(left, 0, right, picture.height))
    return rows.resize(size, Image.BICUBIC, box=(0, top, size[0], bottom))


def centre(picture, size):
    """torchvision's Resize(size, BICUBIC) and CenterCrop(size)."""
    width, height = picture.size
    short = min(width, height)
    width, height = (int(size * side / short) for side in (width, height))
    left, top = round((width - size) / 2.0), round((height - size) / 2.0)
    return resized(picture, (width, height), (0, 0, *picture.size)).crop((left, top, left + size, top + size))


def make_resizes():
    name = "scene.png"
    picture = Image.fromarray(np.where(rng.random((47, 61, 1)) < 0.1, 255, scene(61, 47)).astype(np.uint8))
    data = encoded(picture, format="PNG")
    by_pil(name, data)
    whole = (0, 0, 61, 47)
    cases = [((16, 13), whole), ((61, 47), whole), ((90, 70), whole), ((1, 1), whole), ((5, 60), whole),
             ((60, 5), whole), ((20, 20), (3, 4, 50, 40)), ((24, 24), (10, 10, 34, 34)), ((30, 30), (0, 7, 11, 29)),
             ((17, 19), (0.5, 0.25, 60.25, 46.75)), ((33, 31), (12.3, 7.7, 25.1, 40.2)), ((7, 9), (20.4, 3.9, 20.9, 44)),
             ((40, 3), (58.5, 44.5, 61, 47)), ((3, 40), (59, 0, 60, 47)), ((61, 23), whole), ((30, 47), whole)]
    for size, box in cases:
        expect_resize(name, "resize", size, box, resized(picture, size, box))
    for size in (20, 33, 47, 64):
        expect_resize(name, "centre", (size, size), whole, centre(picture, size))
    tall = Image.fromarray(scene(23, 60))
    by_pil("tall.png", encoded(tall, format="PNG"))


OUT.mkdir(exist_ok=True)
for old in OUT.iterdir():
    old.unlink()
make_png()
make_jpeg()
make_webp()
make_resizes()
(OUT / "decode.txt").write_text("\n".join(decode_lines) + "\n")
(OUT / "resize.txt").write_text("\n".join(resize_lines) + "\n")
