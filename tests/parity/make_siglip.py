#!/usr/bin/env python3
"""Makes siglip.safetensors: open_clip's SigLipLoss and its gradients for batches of several sizes.

    python make_siglip.py       needs open_clip_torch==3.3.0, torch and safetensors; writes beside itself

For each case NAME: NAME.image and NAME.text [G,E] and NAME.scalars [2], logit_scale (the logarithm) and logit_bias, in f32;
NAME.loss, NAME.d_image, NAME.d_text and NAME.d_scalars, computed in f64 from these. The case "wide" is larger than a tile.
"""
import math
import pathlib

import torch
from open_clip.loss import SigLipLoss
from safetensors.torch import save_file

# name: pairs, width, logit_scale, logit_bias, how much of a text is its picture
CASES = {"one": (1, 4, math.log(10), -10.0, 0.0), "two": (2, 3, math.log(10), -10.0, 0.0),
         "begun": (37, 16, math.log(10), -10.0, 0.3), "learned": (64, 24, 4.7, -16.5, 0.9),
         "unbiased": (7, 5, 1.5, 0.0, 0.5), "wide": (1061, 8, 3.2, -11.0, 0.95)}


def embeddings(G, E, shared):
    image, noise = torch.randn(G, E), torch.randn(G, E)
    text = shared * image + math.sqrt(1 - shared ** 2) * noise
    return [torch.nn.functional.normalize(x, dim=1) for x in (image, text)]


def run(image, text, scalars):
    image, text, scalars = (x.double().requires_grad_() for x in (image, text, scalars))
    loss = SigLipLoss()(image, text, scalars[0].exp(), scalars[1])
    loss.backward()
    return {"loss": loss.detach(), "d_image": image.grad, "d_text": text.grad, "d_scalars": scalars.grad}


def main():
    torch.manual_seed(3)
    tensors = {}
    for name, (G, E, scale, bias, shared) in CASES.items():
        image, text = embeddings(G, E, shared)
        scalars = torch.tensor([scale, bias])
        inputs = {"image": image, "text": text, "scalars": scalars}
        outputs = run(image, text, scalars)
        for key, value in (inputs | outputs).items():
            kept = value if key in ("loss", "d_scalars") else value.float()
            tensors[f"{name}.{key}"] = kept.contiguous()
    save_file(tensors, pathlib.Path(__file__).with_name("siglip.safetensors"))


main()
