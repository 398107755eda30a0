#!/usr/bin/env python3
"""One training step of each task, in both families: the folder tasks.

    python make_tasks.py       needs open_clip_torch==3.3.0, torch, numpy and safetensors; writes beside itself

Models are those of make_golden.py and make_open_clip.py, smaller still, with the head of make_head.py; all arithmetic is in
float64 on float32 weights. tasks/MODEL holds

    model.json               configuration, without a head
    HEAD.weights.safetensors the model's weights and a head's: image, text or pair, by what the head reads
    labels.txt               what the heads tell apart
    CASE.safetensors         the batch: pixels u8 [G,S,S,3] or [G,P,S,S,3], ids, labels i32 and shares f32 [G,K], and where
                             the head reads texts tokens i32 [G,T], with lengths i32 [G] where an answer follows; grad.NAME
                             of the total loss, zeros where nothing flowed, of all tensors of the stages that take part
    CASE.json                options of tune.sh; the step's losses and the norm of all its gradients

A loss of a head is a mean over the batch. A sample without a label is in it, with nothing to lose by softmax.
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

import make_golden
import make_head
import make_open_clip
import make_states
from make_golden import MEAN, STD, numpy_of

FOLDER = pathlib.Path(__file__).with_name("tasks")
G, C, T, V = 4, 3, 7, 11

PAPER = make_golden.model(5, (8, 4, 6, 1, 3, 1, 2, 2), (T, V, 8, 1, 2, 1), 1, 4)
OPEN_CLIP = make_open_clip.model((8, 4, 6, 1, 2, 1, make_open_clip.pool(True, 3, 2)), (T, V, 1, 2, 1), (8, 1, 4), 8)

# Captions without BOS and EOS as lengths, and in open_clip's family places of token 0 in them (the legacy mask hides
# what follows it).
LENGTHS = (5, 1, 3, 4)
ZEROS = {0: [1], 3: [0, 2]}
ASKED = (3, 2, 3, 2)  # tokens of the question, BOS among them; the rest is the answer
CLASSES = ([[2], [0], [2], [1]], [[1], [1], [1], [1]])
ANSWERS = ([[1, 0, -1], [2, -1, -1], [-1, -1, -1], [0, 2, 1]], [[.9, .3, 0], [1, 0, 0], [0, 0, 0], [.6, 1, .3]])

# name: options of tune.sh, the head's weights, pictures of a sample, labels
CASES = {
    "recognition": ({"task": "recognition", "label-smoothing": 0.1}, "image", 1, CLASSES),
    "video": ({"task": "video", "frames": 3}, "image", 3, CLASSES),
    "vqa": ({"task": "vqa"}, "text", 1, ANSWERS),
    "vqa_sigmoid": ({"task": "vqa", "head-loss": "sigmoid", "label-smoothing": 0.1}, "text", 1, ANSWERS),
    "vqa_captions": ({"task": "vqa", "coca-caption-loss-weight": 0.5}, "text", 1, ANSWERS),
    "vqa_contrast": ({"task": "vqa", "head-loss": "sigmoid", "coca-caption-loss-weight": 0.5,
                      "coca-contrastive-loss-weight": 0.25}, "text", 1, ANSWERS),
    "snli_ve": ({"task": "snli-ve", "label-smoothing": 0.1}, "text", 1, CLASSES),
    "nlvr2": ({"task": "nlvr2"}, "pair", 2, CLASSES),
    "nlvr2_captions": ({"task": "nlvr2", "coca-caption-loss-weight": 2.0}, "pair", 2, CLASSES),
}
QUERIES = {"image": 2, "text": 1, "pair": 2}


def paper(config, weights):
    w = {name: value.clone().requires_grad_() for name, value in weights.items()}

    def texts(pixels, tokens):
        features, image = make_golden.encode_image(w, config, pixels)
        states, text = make_golden.encode_text(w, config, tokens)
        return make_golden.multimodal(w, config, states[:, :-1], features), image, text
    return w, lambda pixels: make_golden.image_states(w, config, pixels), texts


def open_clip(config, weights):
    coca = make_open_clip.build(config)
    coca.load_state_dict(weights, strict=True)
    normal = lambda pixels: ((pixels.double() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
    states = lambda pixels: make_states.seen(coca.visual.attn_pool, lambda: coca._encode_image(normal(pixels)), True)

    def texts(pixels, tokens):
        latent, features = coca._encode_image(normal(pixels))
        found = {}
        states = make_states.seen(coca.text_decoder.ln_final, lambda: found.update(
            coca(None, tokens, image_latent=latent, image_embs=features)))
        return states, latent, found["text_features"]
    return dict(coca.named_parameters()), states, texts


def sizes_of(config, kind):
    """Width of the states and heads of the pooler over them, as a new head has them."""
    v, m = config["vision_cfg"], config["multimodal_cfg"]
    return (v["width"], v["width"] // v["head_width"]) if kind == "image" else (m["width"], m["heads"])


def groups(kind, states, asked, pictures):
    """The rows that each vector is pooled from, of all samples: all rows of a sample's pictures, or of each text those
    in front of EOS or of the answer."""
    if kind == "image":
        return list(states.flatten(0, 1).unflatten(0, (G, -1)))
    return [rows[:n] for rows, n in zip(states, asked.repeat_interleave(pictures).tolist())]


def head_loss(options, scores, labels, shares):
    target = make_head.dense(labels, shares, C)
    smoothing = options.get("label-smoothing", 0.0)
    if options.get("head-loss") == "sigmoid":
        return make_head.sigmoid(scores, target, smoothing) / G
    labelled = target.sum(1) > 0
    target = target[labelled] / target[labelled].sum(1, keepdim=True)
    return make_head.softmax(scores[labelled], target, smoothing) / G


def caption_loss(w, states, tokens, pad):
    logits = states @ w["text_decoder.text_projection"]
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=pad)


def contrastive_loss(w, image, text):
    cosines, pairs = w["logit_scale"].exp() * image @ text.T, torch.arange(G)
    return (F.cross_entropy(cosines, pairs) + F.cross_entropy(cosines.T, pairs)) / 2


def batch_of(config, options, kind, pictures, labelled, generator):
    made = make_open_clip.random_batch(config, LENGTHS, {} if "family" in config else ZEROS, generator)
    size = config["vision_cfg"]["image_size"]
    shape = (G, pictures, size, size, 3) if pictures > 1 else (G, size, size, 3)
    batch = {"pixels": torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8), "ids": made["ids"],
             "labels": torch.tensor(labelled[0], dtype=torch.int32), "shares": torch.tensor(labelled[1]).float()}
    if kind != "image":
        batch["tokens"] = made["tokens"]
    if kind != "image" and "coca-caption-loss-weight" in options:
        batch["lengths"] = torch.tensor(ASKED, dtype=torch.int32)
    return batch


def step(config, made, head, kind, pictures, options, batch):
    w, image, texts = made
    pixels = batch["pixels"].flatten(0, 1) if pictures > 1 else batch["pixels"]
    if kind == "image":
        states, asked = image(pixels), None
    else:
        tokens = batch["tokens"].long().repeat_interleave(pictures, 0)
        (states, *embeddings), asked = texts(pixels, tokens), batch.get("lengths", torch.tensor(LENGTHS) + 1)
    pooled = torch.stack([head.attn_pool(rows).mean(0) for rows in groups(kind, states, asked, pictures)])
    scores = head.fc(head.ln_post(pooled).unflatten(0, (G, -1)).flatten(1))
    losses = {"head_loss": head_loss(options, scores, batch["labels"], batch["shares"])}
    if "coca-caption-loss-weight" in options:
        losses["caption_loss"] = caption_loss(w, states, tokens, make_open_clip.ids_of(config)[0])
    if "coca-contrastive-loss-weight" in options:
        losses["contrastive_loss"] = contrastive_loss(w, *embeddings)
    losses["loss"] = sum(options.get(f"coca-{name.replace('_', '-')}-weight", 1.0) * loss for name, loss in losses.items())
    losses["loss"].backward()
    return losses


def gradients(w, head, kind):
    taking_part = {n: p for n, p in w.items() if kind != "image" or not n.startswith("text")}
    taking_part |= {f"head.{n}": p for n, p in head.named_parameters()}
    return {f"grad.{n}": torch.zeros_like(p) if p.grad is None else p.grad for n, p in taking_part.items()}


def make_case(folder, config, family, weights, heads, name, seed):
    options, kind, pictures, labelled = CASES[name]
    batch = batch_of(config, options, kind, pictures, labelled, torch.Generator().manual_seed(seed))
    made = family(config, weights)
    heads[kind].zero_grad()
    losses = step(config, made, heads[kind], kind, pictures, options, batch)
    found = gradients(made[0], heads[kind], kind)
    losses["grad_norm"] = sum(g.square().sum() for g in found.values()).sqrt()
    save_file(numpy_of(batch | found), folder / f"{name}.safetensors")
    numbers = {key: value.item() for key, value in losses.items()}
    written = {"head": kind, "options": options | {"head-queries": QUERIES[kind]}, "steps": [numbers]}
    (folder / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n")
    print(folder.name, name, numbers)


def make_heads(config):
    heads = {}
    for kind, queries in QUERIES.items():
        width, pooler_heads = sizes_of(config, kind)
        heads[kind] = make_head.Head(2 if kind == "pair" else 1, queries, width, pooler_heads, C).double()
        make_head.randomize(heads[kind])
        for p in heads[kind].parameters():
            p.data = p.data.float().double()
    return heads


def make(folder, config, family, weights):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "labels.txt").write_text("".join(f"label {i}\n" for i in range(C)))
    heads = make_heads(config)
    for kind, head in heads.items():
        named = {f"head.{name}": p for name, p in head.named_parameters()}
        save_file(numpy_of(weights | named), folder / f"{kind}.weights.safetensors")
    for seed, name in enumerate(CASES, 1):
        make_case(folder, config, family, weights, heads, name, seed)


def main():
    torch.manual_seed(31)
    generator = torch.Generator().manual_seed(32)
    make(FOLDER / "paper", PAPER, paper, make_golden.paper_weights(PAPER, generator))
    weights = make_open_clip.load_random(make_open_clip.build(OPEN_CLIP), generator, make_open_clip.ids_of(OPEN_CLIP))
    make(FOLDER / "open_clip", OPEN_CLIP, open_clip, weights)


if __name__ == "__main__":
    main()
