#!/usr/bin/env python3
"""The yardstick of the GPU benchmark: open_clip's own CoCa, one training step, bf16 autocast, on the same card.

    python open_clip_step.py [--size base|large] [--batch N ...] [--steps N] [--compile no|blocks|whole]

--compile blocks gives torch.compile each transformer block, of which there are few kinds, and whole all the model. Prints a line
for each batch size: samples a second, peak memory, and model FLOP/s over the H100's 989 TFLOP/s by the formula of `flops`.
Needs torch and open_clip_torch; captions are random with half of the positions padding, as in alt-text.
"""
import argparse
import time

import torch
from open_clip.coca_model import CoCa
from open_clip.loss import CoCaLoss
from open_clip.transformer import ResidualAttentionBlock

PEAK = 989e12
T, V, QUERIES, IMAGE, PATCH = 64, 64000, 256, 288, 18
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # a CPU to try this script
SIZES = {"tiny": dict(width=64, layers=1, heads=2, decoder=64, decoder_layers=1),
         "base": dict(width=768, layers=12, heads=12, decoder=768, decoder_layers=12),
         "large": dict(width=1024, layers=24, heads=16, decoder=1024, decoder_layers=12)}


def build(size):
    s = SIZES[size]
    vision = dict(image_size=IMAGE, patch_size=PATCH, width=s["width"], layers=s["layers"], head_width=64,
                  attentional_pool=True, attn_pooler_queries=QUERIES, attn_pooler_heads=8, output_tokens=True)
    text = dict(context_length=T, vocab_size=V, width=s["decoder"], heads=s["heads"], layers=s["decoder_layers"],
                embed_cls=True, output_tokens=True)
    decoder = dict(context_length=T, vocab_size=V, width=s["decoder"], heads=s["heads"], layers=s["decoder_layers"],
                   attn_pooler_heads=8)
    return CoCa(embed_dim=s["decoder"], multimodal_cfg=decoder, text_cfg=text, vision_cfg=vision)


def flops(size):
    """Of one sample, forward and backward: 6 per weight of a linear map and token that passes it, attention besides. All T
    positions count here, padding too, since open_clip computes them."""
    s, N = SIZES[size], (IMAGE // PATCH) ** 2 + 1
    W, D = s["width"], s["decoder"]
    vit = s["layers"] * (12 * W * W * N + 2 * N * N * W) + 3 * PATCH * PATCH * W * N
    pooler = 2 * D * D * QUERIES + 2 * W * D * N + 2 * QUERIES * N * D
    block = 12 * D * D
    text = s["decoder_layers"] * (block * (T + 1) + 2 * T * T * D)
    cross = s["decoder_layers"] * (10 * D * D * T + 2 * D * D * (QUERIES - 1) + 2 * T * QUERIES * D)
    return 6 * (vit + pooler + 2 * text + cross + D * V * T)


def captions(batch):
    tokens = torch.randint(3, V, (batch, T))
    length = torch.randint(T // 4, 3 * T // 4, (batch, 1))
    return tokens.masked_fill(torch.arange(T) >= length, 0).to(DEVICE)


def finish():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def compiled(model, how):
    if how == "blocks":
        for module in model.modules():
            if isinstance(module, ResidualAttentionBlock):
                module.compile()
    return torch.compile(model) if how == "whole" else model


def measure(model, batch, options):
    loss = CoCaLoss(caption_loss_weight=2.0, clip_loss_weight=1.0, pad_id=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    images, tokens = torch.randn(batch, 3, IMAGE, IMAGE, device=DEVICE), captions(batch)

    def step():
        with torch.autocast(DEVICE, torch.bfloat16):
            out = model(images, tokens)
            total = sum(loss(**out))
        total.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for _ in range(4):
        step()
    finish()
    begun = time.time()
    for _ in range(options.steps):
        step()
    finish()
    rate = batch * options.steps / (time.time() - begun)
    words = {"no": "", "blocks": ", compiled by blocks", "whole": ", compiled"}[options.compile]
    print(f"open_clip {options.size}{words}, batch {batch}: {rate:.0f} samples/s, "
          f"{100 * rate * flops(options.size) / PEAK:.1f}% of peak, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="base", choices=SIZES)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--compile", default="no", choices=("no", "blocks", "whole"))
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    model = compiled(build(options.size).to(DEVICE), options.compile)
    for batch in options.batch:
        measure(model, batch, options)


if __name__ == "__main__":
    main()
