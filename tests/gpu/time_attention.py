#!/usr/bin/env python3
"""PyTorch's scaled_dot_product_attention on what time_attention.c times: the same sizes, bf16, on the same card.

    python time_attention.py ROWS REPEATS TOKENS ...

Prints a line "BACKEND TOKENS WIDTH CAUSAL FORWARD BACKWARD" for each backend that takes the size, times in microseconds.
"""
import sys
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

HEADS, WIDTHS = 12, (64, 88)
BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # a CPU to try this script


def finish():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def time_of(work, repeats):
    for _ in range(3):
        work()
    finish()
    begun = time.perf_counter()
    for _ in range(repeats):
        work()
    finish()
    return 1e6 * (time.perf_counter() - begun) / repeats


def times(rows, repeats, tokens, width, causal):
    qkv = torch.randn(max(rows // tokens, 1), tokens, 3, HEADS, width, device=DEVICE, dtype=torch.bfloat16)
    q, k, v = (part.transpose(1, 2).requires_grad_() for part in qkv.unbind(2))
    out = scaled_dot_product_attention(q, k, v, is_causal=causal)
    d_out = torch.randn_like(out)
    with torch.no_grad():
        there = time_of(lambda: scaled_dot_product_attention(q, k, v, is_causal=causal), repeats)
    back = time_of(lambda: torch.autograd.grad(out, (q, k, v), d_out, retain_graph=True), repeats)
    return there, back


def main():
    rows, repeats, *sizes = map(int, sys.argv[1:])
    for name, backend in BACKENDS.items():
        for tokens in sizes:
            for width in WIDTHS:
                for causal in (False, True):
                    try:
                        with sdpa_kernel(backend):
                            there, back = times(rows, repeats, tokens, width, causal)
                        print(f"{name} {tokens} {width} {causal:d} {there:.1f} {back:.1f}", flush=True)
                    except RuntimeError as failure:
                        print(f"{name}, {tokens} tokens, width {width}: {str(failure).splitlines()[0]}", file=sys.stderr)


if __name__ == "__main__":
    main()
