#!/usr/bin/env python3
"""Makes adafactor.safetensors: five updates of tensors of several shapes by timm's port of big_vision's Adafactor.

    python make_adafactor.py        needs torch, timm and safetensors; writes beside itself

For each case NAME, with momentum in f32 and in bf16 (MOMENTUM): NAME.before, NAME.gradients [5, shape], and
NAME.MOMENTUM.after, .momentum (as f32), and .row and .column or .row alone where second moments are kept whole.
"""
import pathlib

import torch
from safetensors.torch import save_file
from timm.optim.adafactor_bv import AdafactorBigVision

SHAPES = {"matrix": (48, 40), "narrow": (33, 65), "stack": (2, 32, 37), "small": (5, 7), "vector": (57,)}
UPDATES = 5
HYPER = {"lr": 0.01, "min_dim_size_to_factor": 32, "decay_rate": 0.8, "beta2_cap": 0.999, "momentum": 0.9,
         "weight_decay": 0.05, "clipping_threshold": 1.0}


def moments(state):
    """Factored, timm reduces the largest dimension for the row's moments: give the mean over columns as `row`."""
    if "exp_avg_sq" in state:
        return {"row": state["exp_avg_sq"]}
    r, c = state["exp_avg_sq_r"], state["exp_avg_sq_c"]
    return {"row": r, "column": c} if r.shape[-1] == 1 else {"row": c, "column": r}


def run(before, gradients, dtype):
    p = torch.nn.Parameter(before.clone())
    optimizer = AdafactorBigVision([p], momentum_dtype=dtype, **HYPER)
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
    state = optimizer.state[p]
    kept = {"after": p.detach(), "momentum": state["exp_avg"].float(), **moments(state)}
    return {name: value.clone().contiguous() for name, value in kept.items()}


def main():
    torch.manual_seed(5)
    tensors = {}
    for name, shape in SHAPES.items():
        before = torch.randn(shape)
        # Rows of different size, and a gradient that grows: updates above and below the threshold.
        gradients = torch.randn((UPDATES, *shape)) * torch.rand(shape[:1] + (1,) * (len(shape) - 1))
        gradients *= torch.tensor([1e-3, 1e-3, 1e-1, 1.0, 1e-2]).reshape(-1, *([1] * len(shape)))
        tensors[f"{name}.before"], tensors[f"{name}.gradients"] = before, gradients
        for label, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
            for key, value in run(before, gradients, dtype).items():
                tensors[f"{name}.{label}.{key}"] = value
    save_file(tensors, pathlib.Path(__file__).with_name("adafactor.safetensors"))


main()
