#!/usr/bin/env python3
"""Makes optimizer.safetensors: the image half of tests/parity/equal_widths after four updates by PyTorch's AdamW and by
timm's port of big_vision's Adafactor, with made-up gradients that test_optimizer.c makes alike. The arithmetic is in float64.

    python make_optimizer.py        needs torch, timm, numpy and safetensors
"""
import pathlib

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from timm.optim import AdafactorBigVision

HERE = pathlib.Path(__file__).parent
WEIGHTS = HERE / "../../../parity/equal_widths/weights.safetensors"
STEPS, LR, DECAY, BETA1 = 4, 0.1, 0.1, 0.9


def made_up_gradient(name, count, step):
    """Numbers in ±0.05 from a hash of place, step and name's letters."""
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761)
        h += np.uint32((step + 1) * 40503 + sum(name.encode()) * 97)
        h ^= h >> np.uint32(15)
        h *= np.uint32(2246822519)
        h ^= h >> np.uint32(13)
    return ((h >> np.uint32(8)).astype(np.float64) / 16777216 - 0.5).astype(np.float32) * np.float32(0.1)


def decays(name, value):
    return value.ndim >= 2 and not any(word in name for word in ("ln", "bias", "logit_scale"))


def train(weights, make):
    parameters = {name: torch.nn.Parameter(torch.tensor(value).double()) for name, value in weights.items()}
    groups = [{"params": [p for n, p in parameters.items() if decays(n, p) == decay], "weight_decay": DECAY * decay}
              for decay in (True, False)]
    optimizer = make(groups)
    for step in range(STEPS):
        for name, p in parameters.items():
            p.grad = torch.tensor(made_up_gradient(name, p.numel(), step)).double().reshape(p.shape)
        optimizer.step()
    return {name: p.detach().float().numpy() for name, p in parameters.items()}


def adafactor(dtype):
    return lambda groups: AdafactorBigVision(groups, lr=LR, min_dim_size_to_factor=32, momentum=BETA1,
                                             momentum_dtype=dtype, clipping_threshold=1.0)


weights = {name: value for name, value in load_file(WEIGHTS).items() if name.startswith("visual.")}
rules = {"adamw": lambda groups: torch.optim.AdamW(groups, lr=LR, betas=(BETA1, 0.999), eps=1e-8),
         "adafactor": adafactor(torch.float64), "adafactor_bf16": adafactor(torch.bfloat16)}
save_file({f"{rule}.{name}": value for rule, make in rules.items() for name, value in train(weights, make).items()},
          HERE / "optimizer.safetensors")
