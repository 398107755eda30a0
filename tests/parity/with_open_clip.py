#!/usr/bin/env python3
"""Holds the real processes to open_clip on one model, both ways. Not part of the tests: it takes minutes and Python.

    python with_open_clip.py MODEL [--batch G] [--work DIR]      needs open_clip_torch==3.3.0, torch, safetensors, numpy

MODEL is a name of open_clip's (coca_ViT-B-32, coca2_ViT-B-32: their true size) or a configuration file
(open_clip_legacy/model.json). It gets random weights in a hub folder and a random batch; build/bin must hold the
stages.

    there   cocaflow trains two steps from that folder; outputs, losses and gradients of the first are compared with
            open_clip's, embeddings, features, logits and losses to 1e-5 of their norm, gradients to 1e-4
    back    open_clip loads the folder that the run leaves, strictly, and finds what cocaflow finds with it
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch, save_file as save_torch

import make_golden
import make_open_clip

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREPROCESS = {"mean": make_golden.MEAN.tolist(), "std": make_golden.STD.tolist()}
# Adam's first updates are ± lr; a small one keeps a random model of the true size sound.
OPTIONS = {"precision": "fp32", "lr": 1e-5, "warmup": 0, "lr-scheduler": "const"}


def configuration(name):
    if name.endswith(".json"):
        return json.loads(pathlib.Path(name).read_text())
    import open_clip
    return open_clip.get_model_config(name) or json.loads((ROOT / f"data/models/{name}.json").read_text())


def known_as(name):
    """The name by which make_open_clip.build tells open_clip's main branch from its release."""
    return pathlib.Path(name).resolve().parent.name if name.endswith(".json") else name


def random_model(config, name, seed):
    """open_clip's own initial values, which leave nothing at zero that a gradient could hide behind."""
    torch.manual_seed(seed)
    coca = make_open_clip.build(config, known_as(name)).float()
    with torch.no_grad():
        coca.text_decoder.text_projection.normal_(std=config["embed_dim"] ** -0.5)
        for name, p in coca.named_parameters():
            if p.dim() < 2:
                p.add_(0.05 * torch.randn_like(p))
    return coca


def write_hub(folder, config, coca):
    folder.mkdir()
    save_torch({n: t.contiguous() for n, t in coca.state_dict().items()}, folder / "open_clip_model.safetensors",
               metadata={"format": "pt"})
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS}))


def random_batch(config, G, seed):
    T = config["text_cfg"]["context_length"]
    lengths = [T - 2 if i == 0 else 1 + (7 * i) % (T - 2) for i in range(G)]
    zeros = {i: [length // 2] for i, length in enumerate(lengths) if i % 2 == 0 and length > 1}
    config = json.loads(json.dumps(config))
    config["text_cfg"]["vocab_size"] = min(config["text_cfg"]["vocab_size"], 49408)
    return make_open_clip.random_batch(config, lengths, zeros, torch.Generator().manual_seed(seed))


def run(command, **more):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}: exit code {result.returncode}")
    return result.stdout + result.stderr


def cocaflow(work, name, weights, G, steps):
    """Trains; the dump of the first step goes to work/NAME.dump."""
    options = [x for key, value in OPTIONS.items() for x in (f"--{key}", value)]
    words = run([ROOT / "pipelines/train.sh", "--name", name, "--runs", work / "runs", "--pretrained", weights,
                 "--images", f"file:{work}/images.rec", "--tokens", f"file:{work}/tokens.rec", "--steps", steps,
                 "--batch-size", G, "--microbatch", G, "--threads", "1,1", "--dump", work / f"{name}.dump",
                 "--dump-step", 0, "--dump-limit", 4 << 30, "--optimizer", "adamw", *options], cwd=work)
    print("\n".join(line for line in words.splitlines() if "family" in line))
    dump = work / f"{name}.dump"
    return (load_file(dump / "outputs.safetensors"), load_file(dump / "grads.safetensors"),
            json.loads((dump / "losses.json").read_text()))


def worst(kind, found, wanted, tolerance):
    missing = set(wanted) ^ set(found)
    if missing:
        sys.exit(f"{kind}: only on one side: {sorted(missing)}")
    errors = {}
    for name, value in wanted.items():
        a, b = found[name].astype(np.float64), value.detach().double().numpy()
        errors[name] = np.linalg.norm(a - b.reshape(a.shape)) / max(np.linalg.norm(b), 1e-30)
    name = max(errors, key=errors.get)
    print(f"  {kind}: {len(errors)} tensors, worst relative error {errors[name]:.2e} ({name}), allowed {tolerance:g}")
    if not errors[name] <= tolerance:
        sys.exit(1)


def compare(what, coca, batch, found):
    outputs, gradients, losses = found
    training = make_golden.TRAINING
    coca.zero_grad()
    wanted, contrastive, caption, loss = make_open_clip.forward(coca, training, batch)
    loss.backward()
    print(what)
    worst("outputs", outputs, wanted, 1e-5)
    numbers = {"loss": loss, "contrastive_loss": contrastive, "caption_loss": caption}
    worst("losses", {name: np.array(losses[name]) for name in numbers}, numbers, 1e-5)
    worst("gradients", gradients, {name: p.grad for name, p in coca.named_parameters()}, 1e-4)


def load_back(folder, config, name, correct):
    import open_clip
    if known_as(name).startswith("coca2"):  # create_model does not know them
        coca = make_open_clip.build(config, known_as(name))
        coca.load_state_dict(load_torch(folder / "open_clip_model.safetensors"), strict=True)
        return coca.double().train()
    coca = open_clip.create_model(f"local-dir:{folder}", load_weights=True).double().train()
    coca.text.correct_cls_mask = correct
    return coca


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model")
    options.add_argument("--batch", type=int, default=2)
    options.add_argument("--work", type=pathlib.Path, help="keep what is made there")
    given = options.parse_args()
    torch.set_num_threads(2)
    os.environ["PATH"] = f"{ROOT}/build/bin:{os.environ['PATH']}"
    work = given.work or pathlib.Path(tempfile.mkdtemp())
    work.mkdir(exist_ok=True)
    config = configuration(given.model)
    coca, batch = random_model(config, given.model, 1), random_batch(config, given.batch, 2)
    write_hub(work / "hub", config, coca)
    save_file(make_golden.numpy_of(batch), work / "batch.safetensors")
    for edge in ("images", "tokens"):
        run(["coca-tap", "import", work / "batch.safetensors", "--edge", edge, "--microbatch", given.batch, "--steps", 2,
             "--out", work / f"{edge}.rec"])
    found = cocaflow(work, "there", work / "hub", given.batch, 2)
    compare("there: open_clip's weights", coca.double(), batch, found)
    left = work / "runs/there/model"
    found = cocaflow(work, "back", left, given.batch, 1)
    config_left = json.loads((left / "open_clip_config.json").read_text())
    correct = config_left["model_cfg"]["text_cfg"].pop("correct_cls_mask", False)
    (left / "open_clip_config.json").write_text(json.dumps(config_left))
    coca = load_back(left, config, given.model, correct)
    compare("back: cocaflow's weights, loaded strictly by open_clip", coca, batch, found)
    if not given.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
