#!/usr/bin/env python3
"""What bench_open_clip.sh compares with: open_clip's own coca_ViT-B-32 with random weights.

    bench_open_clip.py make DIR                 model/ in the hub's layout, pictures/*.jpg, pixels for the training step
    bench_open_clip.py greedy|beams|samples|image|train DIR PRECISION    one figure: captions, pictures or steps a second

Torch has two threads, as the stages have. Captions have 30 tokens: EOS is held back to the last.
"""
import json
import os
import sys
import time

import open_clip
import torch
from PIL import Image

BATCH, TOKENS, SEED = 8, 30, 7
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
torch.set_num_threads(int(os.environ.get("THREADS", "2")))


def build():
    torch.manual_seed(SEED)
    model = open_clip.create_model("coca_ViT-B-32")
    with torch.no_grad():
        projection = model.text_decoder.text_projection  # open_clip leaves it as the memory was
        torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)
        projection[:, [0, 49407]] = 0  # a caption that chose padding or EOS would be short
    return model


def make(directory):
    from safetensors.torch import save_file
    model = build()
    os.makedirs(f"{directory}/model", exist_ok=True)
    os.makedirs(f"{directory}/pictures", exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, f"{directory}/model/open_clip_model.safetensors")
    with open(f"{directory}/model/open_clip_config.json", "w") as f:
        preprocess = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
        json.dump({"model_cfg": open_clip.get_model_config("coca_ViT-B-32"), "preprocess_cfg": preprocess}, f)
    generator = torch.Generator().manual_seed(SEED)
    for i in range(8 * BATCH):
        small = torch.randint(0, 256, (6, 8, 3), generator=generator, dtype=torch.uint8).numpy()
        Image.fromarray(small).resize((400, 300), Image.BICUBIC).save(f"{directory}/pictures/{i:02}.jpg", quality=90)


def pixels(directory, count, dtype):
    transform = open_clip.transform.image_transform(224, is_train=False)
    names = sorted(n for n in os.listdir(f"{directory}/pictures") if n.endswith(".jpg"))[:count]
    return torch.stack([transform(Image.open(f"{directory}/pictures/{n}")) for n in names]).to(dtype)


def rate(work, count, warm=True):
    if warm:
        work()
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def mixed(dtype):
    """open_clip's own --precision amp_bf16: its generate does not run on a model of bf16 weights."""
    return torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16)


def captions(directory, dtype, **manner):
    model, images = build().eval(), pixels(directory, BATCH, torch.float32)
    with torch.no_grad(), mixed(dtype):
        return rate(lambda: model.generate(images, seq_len=TOKENS, min_seq_len=TOKENS - 1, **manner), BATCH, warm=False)


def samples(directory, dtype):
    """As MobileCLIP2's authors drew five captions of each picture: as many separate calls, of which one is timed here."""
    return captions(directory, dtype, generation_type="top_p", top_p=0.9)


def image(directory, dtype):
    model, images = build().eval(), pixels(directory, 32, torch.float32)
    with torch.no_grad(), mixed(dtype):
        return rate(lambda: model.encode_image(images), len(images))


def train(directory, dtype):
    model, images = build().train(), pixels(directory, 16, torch.float32)
    texts = torch.randint(1, 49000, (16, 76))
    loss = open_clip.loss.CoCaLoss(caption_loss_weight=2.0, clip_loss_weight=1.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad()
        with mixed(dtype):
            out = model(images, texts)
            total = sum(loss(**out, output_dict=True).values())
        total.backward()
        optimizer.step()
    return rate(step, 1)


if __name__ == "__main__":
    what, directory = sys.argv[1:3]
    if what == "make":
        make(directory)
        sys.exit()
    dtype = TYPES[sys.argv[3]]
    print({"greedy": lambda: captions(directory, dtype, generation_type="top_k", top_k=1),
           "beams": lambda: captions(directory, dtype, generation_type="beam_search", num_beams=6, num_beam_groups=3),
           "samples": lambda: samples(directory, dtype),
           "image": lambda: image(directory, dtype), "train": lambda: train(directory, dtype)}[what]())
