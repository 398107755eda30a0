#!/usr/bin/env python3
"""What tasks_in_torch.sh compares with: the same model, that of tests/parity, learning the same task in PyTorch.

    tasks_in_torch.py whole DIR    the training of DIR/runs/ours once more: the same first weights, samples, schedule, optimizer
    tasks_in_torch.py head DIR     of a frozen model its head alone, on states that were exported once
    tasks_in_torch.py probe DIR    softmax regression on the mean of each picture's states

DIR has runs/begin/model, from which both start, runs/ours, and PART.EDGE.safetensors: what coca-tap exported of the images,
tokens and labels of the run's steps in their order (PART train), of its test data (test), of all training data (all).
Prints JSON: accuracy on the test data, seconds of training without loading and measuring, and how far the losses of the
first steps are from those of ours.
"""
import json
import math
import os
import pathlib
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import make_golden
from make_golden import PAD, decays, encode_text, image_states, multimodal, norm, pooler
from make_head import dense, sigmoid, softmax

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
make_golden.mix = lambda q, k, v, visible: F.scaled_dot_product_attention(q, k, v, visible)
COMPARED = 10  # first steps whose losses are held against each other
RECORD = (1 << 48) - 1  # of an id


# ---- what was exported

def samples_of(folder, part, edges):
    """The tensors of several edges, which hold the same samples."""
    files = [load_file(folder / f"{part}.{edge}.safetensors") for edge in edges]
    if not all(torch.equal(file["ids"], files[0]["ids"]) for file in files):
        sys.exit(f"{folder}: {part}: the edges {edges} hold different samples")
    return {name: tensor for file in files for name, tensor in file.items()}


def batches(folder, part, edges, size):
    samples = samples_of(folder, part, edges)
    return [dict(zip(samples, rows)) for rows in zip(*(tensor.split(size) for tensor in samples.values()))]


def states_of(folder, part):
    """[N,n,W], record i in row i; all pictures have the same number of tokens."""
    file = load_file(folder / f"{part}.states.safetensors")
    return file["states"].unflatten(0, (len(file["ids"]), -1))


# ---- the model: each returns scores [B,C] and the caption loss

def head(w, config, states, visible=None, joined=1):
    """states [B·J,n,K], visible [B·J,n]."""
    visible = None if visible is None else visible[:, None]
    pooled = pooler(w, "head.attn_pool", states, config["head_cfg"]["heads"], visible).mean(1)
    vectors = norm(w, "head.ln_post", pooled).unflatten(0, (-1, joined)).flatten(1)
    return F.linear(vectors, w["head.fc.weight"], w["head.fc.bias"])


def tokens_of_pictures(w, config, pixels):
    """u8 [B,S,S,3] or [B,P,S,S,3] → [B·P,n,W]."""
    return image_states(w, config, pixels.flatten(0, 1) if pixels.dim() == 5 else pixels)


def pictures(w, config, frozen, batch):
    with torch.set_grad_enabled(not frozen and torch.is_grad_enabled()):
        states = tokens_of_pictures(w, config, batch["pixels"])
    return head(w, config, states.reshape(len(batch["ids"]), -1, states.shape[-1])), 0


def texts(w, config, frozen, batch):
    """A text goes with each of its pictures. The head reads all rows but EOS, and of a question with its answer the
    question's."""
    P = config["head_cfg"]["pictures"]
    tokens = batch["tokens"].long().repeat_interleave(P, 0)
    captioned = tokens[:, 1:] != PAD
    visible = captioned
    if "lengths" in batch:
        visible = captioned & (torch.arange(captioned.shape[1]) < batch["lengths"].repeat_interleave(P)[:, None])
    with torch.set_grad_enabled(not frozen and torch.is_grad_enabled()):
        tokens_of_image = tokens_of_pictures(w, config, batch["pixels"])
        features = pooler(w, "visual.attn_pool", tokens_of_image, config["vision_cfg"]["attn_pooler_heads"])
        outputs = multimodal(w, config, encode_text(w, config, tokens)[0][:, :-1], features)
    caption = 0
    if "lengths" in batch:
        logits = outputs[captioned] @ w["text_decoder.text_projection"]
        caption = F.cross_entropy(logits, tokens[:, 1:][captioned])
    return head(w, config, outputs, visible, P), caption


EDGES = {"recognition": (pictures, ["images", "labels"]), "video": (pictures, ["images", "labels"]),
         "vqa": (texts, ["images", "tokens", "labels"]), "snli-ve": (texts, ["images", "tokens", "labels"]),
         "nlvr2": (texts, ["images", "tokens", "labels"])}


# ---- training

def settings_of(folder):
    options = json.loads((folder / "runs/ours/run.json").read_text())["options"]
    for name, only in {"optimizer": "adamw", "layer-decay": 1, "lock-image": False, "lock-text": False}.items():
        if options[name] != only:
            sys.exit(f"--{name} {options[name]}: compared is {only} alone")
    return options


def rate(options, step):
    """The schedule of the design, section 7, as a share of --lr."""
    warmup, steps = options["warmup"], options["steps"]
    if step < warmup:
        return (step + 1) / warmup
    share = (step - warmup) / (steps - warmup)
    return {"const": 1, "linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2}[options["lr-scheduler"]]


def optimizer_of(w, options):
    encoders = options["encoder-lr"] if options["encoder-lr"] >= 0 else options["lr"]
    groups = []
    for of_head in (True, False):
        for decay in (True, False):
            chosen = [p for name, p in w.items()
                      if p.requires_grad and name.startswith("head.") == of_head and decays(name, p) == decay]
            groups += [{"params": chosen, "weight_decay": options["wd"] * decay,
                        "base": options["lr"] if of_head else encoders}] if chosen else []
    return torch.optim.AdamW(groups, lr=1, betas=(options["beta1"], options["beta2"]), eps=options["eps"], fused=True)


def loss_of(options, scores, caption, batch):
    share = dense(batch["labels"], batch["shares"], scores.shape[1]).to(scores)
    smoothing = options["label-smoothing"]
    if options["head-loss"] == "sigmoid":
        total = sigmoid(scores, share, smoothing)
    else:
        total = softmax(scores, share / share.sum(1, keepdim=True), smoothing)
    return total / len(scores) + options["coca-caption-loss-weight"] * caption


def train(w, options, samples, scores_of):
    """→ weights to measure, losses, seconds."""
    trained = {name: p.requires_grad_() for name, p in w.items() if name.startswith("head.") or not options["frozen"]}
    average = {name: p.detach().clone() for name, p in trained.items()}
    optimizer, losses, begun = optimizer_of(w, options), [], time.perf_counter()
    for step, batch in enumerate(samples):
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * rate(options, step)
        optimizer.zero_grad()
        loss = loss_of(options, *scores_of(batch), batch)
        loss.backward()
        if options["grad-clip-norm"]:
            torch.nn.utils.clip_grad_norm_(trained.values(), options["grad-clip-norm"])
        optimizer.step()
        losses.append(loss.item())
        if options["ema-decay"]:
            torch._foreach_lerp_(list(average.values()), [p.detach() for p in trained.values()],
                                 1 - options["ema-decay"])
    return w | average if options["ema-decay"] else w, losses, time.perf_counter() - begun


def apart(folder, losses):
    ours = [json.loads(line)["loss"] for line in (folder / "runs/ours/metrics.jsonl").read_text().splitlines()]
    if len(ours) != len(losses):
        sys.exit(f"{len(ours)} steps were trained, and {len(losses)} exported")
    return max(abs(a - b) / a for a, b in list(zip(ours, losses))[:COMPARED])


# ---- measuring

@torch.no_grad()
def accuracy(folder, edges, scores_of):
    """Mean share of the answer with the best score: accuracy, and VQA's where shares are of answers."""
    found = []
    for batch in batches(folder, "test", edges, 500):
        scores = scores_of(batch)[0]
        share = dense(batch["labels"], batch["shares"], scores.shape[1])
        found.append(share.gather(1, scores.argmax(1, keepdim=True)))
    return torch.cat(found).mean().item()


def begin(folder):
    config = json.loads((folder / "runs/begin/model/open_clip_config.json").read_text())["model_cfg"]
    return load_file(folder / "runs/begin/model/open_clip_model.safetensors"), config, settings_of(folder)


def result(folder, losses, seconds, edges, scores_of):
    return {"accuracy": accuracy(folder, edges, scores_of), "seconds": seconds, "apart": apart(folder, losses)}


def whole(folder):
    w, config, options = begin(folder)
    model, edges = EDGES[options["task"]]
    samples = batches(folder, "train", edges, options["batch-size"])
    w, losses, seconds = train(w, options, samples, lambda batch: model(w, config, options["frozen"], batch))
    return result(folder, losses, seconds, edges, lambda batch: model(w, config, True, batch))


def head_alone(folder):
    w, config, options = begin(folder)
    w = {name: p for name, p in w.items() if name.startswith("head.")}
    states = {part: states_of(folder, part) for part in ("all", "test")}
    on = lambda part: lambda batch: (head(w, config, states[part][batch["ids"] & RECORD]), 0)
    samples = batches(folder, "train", ["labels"], options["batch-size"])
    w, losses, seconds = train(w, options, samples, on("all"))
    return result(folder, losses, seconds, ["labels"], on("test"))


def probe(folder):
    """scikit-learn's objective with C = 1, on features of mean 0 and deviation 1."""
    x, y = {}, {}
    for part in ("all", "test"):
        x[part] = states_of(folder, part).mean(1)
        y[part] = samples_of(folder, part, ["labels"])["labels"][:, 0].long()
    begun = time.perf_counter()
    deviation, mean = torch.std_mean(x["all"], 0)
    x = {part: (rows - mean) / (deviation + 1e-6) for part, rows in x.items()}
    weight = torch.zeros(int(y["all"].max()) + 1, x["all"].shape[1], requires_grad=True)
    bias = torch.zeros(len(weight), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe", tolerance_change=1e-9)

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(x["all"], weight, bias), y["all"]) + weight.square().sum() / 2 / len(y["all"])
        value.backward()
        return value
    optimizer.step(loss)
    seconds = time.perf_counter() - begun
    right = F.linear(x["test"], weight, bias).argmax(1) == y["test"]
    return {"accuracy": right.float().mean().item(), "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps({"whole": whole, "head": head_alone, "probe": probe}[sys.argv[1]](pathlib.Path(sys.argv[2]))))
