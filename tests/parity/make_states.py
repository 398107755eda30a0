#!/usr/bin/env python3
"""What a head reads of the golden models, and what its gradient comes to in them: MODEL/states.safetensors.

    python make_states.py       needs open_clip_torch==3.3.0, torch, numpy and safetensors

Models, batches and features are those of make_golden.py and make_open_clip.py, as they lie in the folders; all
arithmetic is in float64. A file holds

    image           [G,N,W]    the ViT's tokens as the first pooler reads them, behind ln_post where there is none
    d_image         as image   a fixed gradient of it
    text            [G,T-1,D]  what stands behind the multimodal ln_final, zeros where all that follows is padding
    d_text          as text    a fixed gradient of it
    d_features      [G,F,D]    of LAMBDA · (mean caption loss) + Σ d_text·text
    grad.NAME                  visual.…: of Σ d_image·image; others: of the sum above
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from safetensors.torch import load_file

import make_golden
import make_open_clip
from make_golden import MEAN, STD, multimodal, numpy_of

NAMES = ["narrow_vision", "open_clip_legacy", "open_clip_no_pooler", "coca2_parallel"]  # the ways to pool
LAMBDA = 2.0


def doubles(path):
    return {name: x.double() if x.is_floating_point() else x for name, x in load_file(path).items()}


def seen(module, run, pre=False):
    """What a module reads, or what it makes, while `run` runs."""
    kept = []
    if pre:
        hook = module.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    else:
        hook = module.register_forward_hook(lambda _, inputs, output: kept.append(output))
    run()
    hook.remove()
    return kept[0]


def paper(config, weights, batch, features):
    w = {name: value.requires_grad_() for name, value in weights.items()}
    image = make_golden.image_states(w, config, batch["pixels"])
    states = make_golden.encode_text(w, config, batch["tokens"].long())[0]
    return w, image, multimodal(w, config, states[:, :-1], features)


def open_clip(name, config, weights, batch, features):
    coca = make_open_clip.build(config, name)
    coca.load_state_dict(weights, strict=True)
    visual, tokens = coca.visual, batch["tokens"].long()
    pixels = ((batch["pixels"].double() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
    pooled = visual.attn_pool is not None
    image = seen(visual.attn_pool if pooled else visual.ln_post, lambda: coca._encode_image(pixels), pooled)
    latent = torch.zeros(len(tokens), config["embed_dim"], dtype=torch.float64)
    text = seen(coca.text_decoder.ln_final,
                lambda: coca(None, tokens, image_latent=latent, image_embs=features))
    return dict(coca.named_parameters()), image, text


def make(name, folder, seed):
    generator = torch.Generator().manual_seed(seed)
    config = json.loads((folder / "model.json").read_text())
    batch, weights = load_file(folder / "batch.safetensors"), doubles(folder / "weights.safetensors")
    features = doubles(folder / "golden.safetensors")["features"].requires_grad_()
    made = paper if config.get("family") == "paper" else lambda *given: open_clip(name, *given)
    w, image, text = made(config, weights, batch, features)
    tokens, pad = batch["tokens"].long(), config["text_cfg"].get("pad_id", 0)
    rows = (tokens[:, 1:] != pad).flip(1).cumsum(1).flip(1) > 0  # something follows
    assert text.shape[:2] == rows.shape
    d_image = torch.randn(image.shape, generator=generator).double()
    d_text = torch.randn(text.shape, generator=generator).double() * rows[..., None]
    logits = text @ w["text_decoder.text_projection"]
    caption = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=pad)
    ((d_image * image).sum() + (d_text * text).sum() + LAMBDA * caption).backward()
    gradients = {f"grad.{n}": p.grad for n, p in w.items() if p.grad is not None}
    save_file(numpy_of({"image": image, "d_image": d_image, "text": text * rows[..., None], "d_text": d_text,
                        "d_features": features.grad} | gradients), folder / "states.safetensors")
    print(name, len(gradients), "gradients; caption loss", caption.item())


if __name__ == "__main__":
    for seed, name in enumerate(NAMES, 1):
        make(name, pathlib.Path(__file__).resolve().parent / name, seed)
