#!/usr/bin/env python3
"""Makes resample.safetensors: grids of position embeddings before and after they are made larger or smaller.

    python make_resample.py [FILE]     needs torch, scipy, numpy and safetensors

IN.OUT.from [IN*IN,2] are the places of a grid row by row, IN.OUT.bicubic and IN.OUT.linear [OUT*OUT,2] what becomes of
them: by PyTorch as open_clip calls it, and by scipy as big_vision does. 16 to 32 is the paper's end phase, of pictures of
576 after 288 pixels. IN.OUT.other is PyTorch's bicubic without antialias, ALBEF's rule, where the grid grows: it must
differ from ours.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from scipy.ndimage import zoom

SIZES = ((16, 32), (32, 16), (7, 12), (12, 7), (2, 3), (3, 2), (4, 11), (11, 4), (1, 4), (4, 1))
D = 2


def bicubic(grid, side, antialias=True):
    planes = torch.from_numpy(grid).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(planes, size=(side, side), mode="bicubic", antialias=antialias,
                                           align_corners=False)[0].permute(1, 2, 0).numpy()


def linear(grid, side):
    # big_vision leaves mode at "constant". Rounding then puts the last corner of 32 -> 16 outside the grid, and scipy
    # makes it 0; "nearest" is the same everywhere else.
    factor = (side / grid.shape[0],) * 2 + (1,)
    meant, theirs = (zoom(grid, factor, order=1, mode=mode) for mode in ("nearest", "constant"))
    assert np.all((meant == theirs) | (theirs == 0))
    return meant


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("resample.safetensors"))
    random, tensors = np.random.default_rng(1), {}
    for old, new in SIZES:
        grid = random.standard_normal((old, old, D)).astype(np.float32)
        made = {"from": grid, "bicubic": bicubic(grid, new), "linear": linear(grid, new)}
        if 1 < old < new:
            made["other"] = bicubic(grid, new, antialias=False)
        for name, values in made.items():
            tensors[f"{old}.{new}.{name}"] = np.ascontiguousarray(values.reshape(-1, D), dtype=np.float32)
    save_file(tensors, path)


if __name__ == "__main__":
    main()
