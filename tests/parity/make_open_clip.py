#!/usr/bin/env python3
"""Makes the golden files of open_clip's family: small models of open_clip itself.

    python make_open_clip.py [FOLDER]     needs open_clip_torch==3.3.0, torch, numpy and safetensors

The folders are laid out as make_golden.py says; model.json is a configuration as open_clip reads it. The models run in
float64 on float32 weights. Captions have token 0, which is padding and "!" at once, in their middle, where open_clip's
mask hides the next position, and CLS sees itself in a full caption only. The models named coca2 are as open_clip's main
branch builds CoCa since 2026, which no release has yet: the image tower's end is put together here.

positions.safetensors holds position embeddings before and after open_clip loads them into a model of another size:
visual.ROWS.from, .to and text.ROWS.from, .to, ROWS those it was made for.
"""
import json
import math
import pathlib
import sys
from types import SimpleNamespace

import numpy as np
import torch
from open_clip.coca_model import CoCa
from open_clip.loss import CoCaLoss, SigLipLoss
from open_clip.model import resize_pos_embed, resize_text_pos_embed
from open_clip.transformer import AttentionalPooler, LayerNorm
from safetensors.numpy import save_file

import make_golden
from make_golden import MEAN, STD, TRAINING, decays

PAD = 0


def model(vision, text, decoder, embed, quick_gelu=False, correct_cls_mask=False, ids={}):
    """vision: image, patch, width, layers, head width, MLP ratio, and what the pooling has; text: T, V, layers, heads,
    MLP ratio; decoder: width, layers, heads; ids: of padding, BOS and EOS, where they are not CLIP's."""
    image, patch, width, layers, head, ratio, pool = vision
    T, V, text_layers, heads, text_ratio = text
    D, decoder_layers, decoder_heads = decoder
    return {"embed_dim": embed, **({"quick_gelu": True} if quick_gelu else {}),
            "vision_cfg": {"image_size": image, "patch_size": patch, "width": width, "layers": layers,
                           "head_width": head, "mlp_ratio": ratio, **pool, "output_tokens": True},
            "text_cfg": {"context_length": T, "vocab_size": V, "width": D, "heads": heads, "layers": text_layers,
                         "mlp_ratio": text_ratio, "embed_cls": True, "output_tokens": True,
                         **({"correct_cls_mask": True} if correct_cls_mask else {}), **ids},
            "multimodal_cfg": {"context_length": T, "vocab_size": V, "width": D, "heads": decoder_heads,
                               "layers": decoder_layers, "attn_pooler_heads": 3},
            "custom_text": True}


def pool(kind, queries, heads):
    return {"attentional_pool": kind, "attn_pooler_queries": queries, "attn_pooler_heads": heads}


# What open_clip's training gives a model for its sigmoid loss.
SIGMOID = {"init_logit_scale": math.log(10), "init_logit_bias": -10}

# name: (configuration, captions without BOS and EOS as lengths, places of token 0 in them); D = embed with a pooler.
MODELS = {
    "open_clip_legacy": (
        model((20, 5, 32, 2, 16, 0.5, pool(True, 5, 2)), (9, 37, 2, 1, 1.5), (16, 2, 1), 16),
        (7, 0, 3, 5, 7, 4), {0: [0, 3, 6], 2: [1], 3: [3, 4], 4: [6], 5: [0, 1, 2, 3]}),
    "open_clip_no_pooler": (
        model((12, 4, 24, 1, 24, 1.3, {}), (7, 50, 1, 1, 2.1), (24, 1, 1), 11, quick_gelu=True),
        (2, 5, 1, 0), {0: [0], 1: [2]}),
    "open_clip_correct": (
        model((14, 7, 20, 1, 20, 2, pool(True, 4, 4)), (8, 33, 1, 2, 1), (32, 1, 2), 32, quick_gelu=True,
              correct_cls_mask=True),
        (6, 3, 2, 6), {0: [1, 2], 1: [2], 3: [0, 5]}),
    "open_clip_parallel": (
        model((8, 4, 16, 1, 16, 1, pool("parallel", 3, 1)), (6, 23, 1, 1, 1), (16, 1, 1), 16), (2, 4), {0: [1]}),
    "open_clip_cascade": (
        model((8, 4, 16, 1, 16, 1, pool("cascade", 3, 1)), (6, 23, 1, 1, 1), (16, 1, 1), 16), (4, 1), {0: [0]}),
    "open_clip_sigmoid": (
        model((8, 4, 16, 1, 16, 1, pool(True, 3, 1)), (6, 23, 1, 1, 1), (16, 1, 1), 16) | SIGMOID,
        (2, 4, 1, 3, 4, 0), {1: [1]}),
    "coca2_cascade": (
        model((8, 4, 12, 1, 12, 1, pool("cascade", 3, 2)), (7, 21, 2, 2, 1), (16, 1, 2), 16, correct_cls_mask=True),
        (5, 1, 3, 0), {0: [0, 3], 2: [1]}),
    "coca2_parallel": (
        model((8, 4, 24, 1, 12, 1, pool("parallel", 3, 1)), (6, 34, 1, 1, 1), (16, 1, 1), 16,
              ids={"pad_id": 5, "bos_id": 3, "eos_id": 8}),
        (4, 2), {0: [1]}),
    "coca2_equal_widths": (
        model((8, 4, 16, 1, 16, 1, pool("cascade", 3, 1)), (6, 32, 1, 1, 1), (16, 1, 1), 16, correct_cls_mask=True),
        (3, 4), {1: [2]}),
}


def ids_of(config):
    """Of padding, BOS and EOS."""
    text, V = config["text_cfg"], config["text_cfg"]["vocab_size"]
    return text.get("pad_id", PAD), text.get("bos_id", V - 2), text.get("eos_id", V - 1)


def end_as_main(visual, vision, D):
    """ln_post is over the tower's width, the contrastive pooler reads rows of what it pools, and no matrix follows."""
    W = vision["width"]
    visual.ln_post = LayerNorm(W)
    visual.attn_pool_contrastive = AttentionalPooler(D, D if vision["attentional_pool"] == "cascade" else W,
                                                     n_head=vision["attn_pooler_heads"], n_queries=1)
    visual.proj = None


def build(config, name=""):
    """open_clip's class for the model of this name; its dataclasses have no key for the other mask yet."""
    config = json.loads(json.dumps(config))
    config.pop("custom_text")
    correct = config["text_cfg"].pop("correct_cls_mask", False)
    pad = ids_of(config)[0]
    for key in ("bos_id", "eos_id"):
        config["text_cfg"].pop(key, None)
    coca = CoCa(**config, pad_id=pad)
    if name.startswith("coca2"):
        end_as_main(coca.visual, config["vision_cfg"], config["embed_dim"])
    coca.text.correct_cls_mask = correct
    return coca.double().train()


def load_random(coca, generator, ids):
    pad, bos, eos = ids
    shapes = {name: tuple(value.shape) for name, value in coca.state_dict().items()}
    weights = make_golden.random_weights(shapes, generator)
    head = weights["text_decoder.text_projection"]
    head[:, [pad, bos]] *= 0.01  # never the best
    head[:, eos] *= 3            # so that some captions end early
    weights = {name: value.float().double() for name, value in weights.items()}
    coca.load_state_dict(weights, strict=True)
    return weights


def random_batch(config, lengths, zeros, generator):
    S, T, V = config["vision_cfg"]["image_size"], config["text_cfg"]["context_length"], config["text_cfg"]["vocab_size"]
    pad, bos, eos = ids_of(config)
    tokens = torch.full((len(lengths), T), pad, dtype=torch.int32)
    for i, (row, length) in enumerate(zip(tokens, lengths)):
        row[1:length + 1] = torch.randint(1, V - 2, (length,), generator=generator, dtype=torch.int32)
        row[row == bos] = row[row == eos] = V - 1  # words in vocabularies with other marks
        for place in zeros.get(i, []):
            row[1 + place] = pad
        row[0], row[length + 1] = bos, eos
    return {"pixels": torch.randint(0, 256, (len(lengths), S, S, 3), generator=generator, dtype=torch.uint8),
            "tokens": tokens, "ids": torch.arange(len(lengths), dtype=torch.int64) + 7}


def encode_image(coca, pixels):
    """features [B,N,D] and the embedding [B,E], which the other two poolings leave with an axis too many."""
    latent, features = coca._encode_image(((pixels.double() / 255 - MEAN) / STD).permute(0, 3, 1, 2))
    return features, latent.reshape(len(pixels), -1)


def forward(coca, training, batch):
    tokens = batch["tokens"].long()
    features, image = encode_image(coca, batch["pixels"])
    out = coca(None, tokens, image_latent=image, image_embs=features)
    bias = out.pop("logit_bias", None)
    loss = CoCaLoss(training["coca_caption_loss_weight"], training["coca_contrastive_loss_weight"], pad_id=coca.pad_id)
    parts = loss(**out, output_dict=True)
    if bias is not None:  # CoCaLoss knows the softmax alone
        sigmoid = SigLipLoss()(out["image_features"], out["text_features"], out["logit_scale"], bias)
        parts["contrastive_loss"] = training["coca_contrastive_loss_weight"] * sigmoid
    total = parts["contrastive_loss"] + parts["caption_loss"]
    outputs = {"image_embedding": image, "text_embedding": out["text_features"], "features": features,
               "logits": out["logits"] * (tokens[:, 1:, None] != coca.pad_id)}
    return (outputs, parts["contrastive_loss"] / training["coca_contrastive_loss_weight"],
            parts["caption_loss"] / training["coca_caption_loss_weight"], total)


def train(coca, training, batch, steps):
    """As make_golden.train."""
    named = dict(coca.named_parameters())
    groups = [{"params": [p for n, p in named.items() if decays(n, p) == decay], "weight_decay": training["wd"] * decay}
              for decay in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=training["lr"], betas=(training["beta1"], training["beta2"]),
                                  eps=training["eps"])
    for step in range(steps):
        optimizer.zero_grad()
        outputs, contrastive, caption, loss = forward(coca, training, batch)
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in named.items()}
        grad_norm = torch.nn.utils.clip_grad_norm_(named.values(), training["grad_clip_norm"])
        yield {"step": step, "loss": loss.item(), "contrastive_loss": contrastive.item(),
               "caption_loss": caption.item(), "grad_norm": grad_norm.item(),
               "logit_scale": coca.logit_scale.exp().item(),
               **({} if coca.logit_bias is None else {"logit_bias": coca.logit_bias.item()})}, outputs, gradients
        optimizer.step()
        with torch.no_grad():
            coca.logit_scale.clamp_(0, math.log(100))


def greedy(coca, features, ids):
    """The most probable token each time, by the code that open_clip generates with: the caption so far, unpadded. As its
    generate does, a caption that is full ends with EOS, whatever its model says."""
    T, (pad, bos, eos) = coca.text.context_length, ids
    captions = []
    for feature in features:
        caption = [bos]
        while len(caption) < T and caption[-1] != eos:
            states = coca._encode_text(torch.tensor([caption]))[1]
            best = int(coca.text_decoder(feature[None], states)[0, -1].argmax())
            caption.append(best if len(caption) + 1 < T else eos)
            assert caption[-1] not in (pad, bos)
        captions.append(caption + [pad] * (T - len(caption)))
    return np.array(captions, dtype=np.int32)


def make(folder, config, lengths, zeros, seed):
    generator = torch.Generator().manual_seed(seed)
    coca, ids = build(config, folder.name), ids_of(config)
    weights, batch = load_random(coca, generator, ids), random_batch(config, lengths, zeros, generator)
    with torch.no_grad():
        captions = greedy(coca, encode_image(coca, batch["pixels"])[0], ids)
    trained = list(train(coca, TRAINING, batch, 4))
    make_golden.save(folder, config, TRAINING, weights, batch, trained, captions)


def make_positions(path, generator):
    tensors = {}
    for old, new in ((3, 7), (7, 3), (4, 5), (9, 2)):
        key, rows = "visual.positional_embedding", 1 + new * new
        state = {key: torch.randn(1 + old * old, 3, generator=generator)}
        tensors[f"visual.{rows}.from"] = state[key]
        resize_pos_embed(state, SimpleNamespace(visual=SimpleNamespace(grid_size=(new, new))))
        tensors[f"visual.{rows}.to"] = state[key]
    for old, new in ((5, 12), (12, 5)):
        key = "text.positional_embedding"
        state = {key: torch.randn(old, 3, generator=generator)}
        tensors[f"text.{new}.from"] = state[key]
        resize_text_pos_embed(state, SimpleNamespace(text=SimpleNamespace(positional_embedding=torch.zeros(new, 3))))
        tensors[f"text.{new}.to"] = state[key]
    save_file(make_golden.numpy_of(tensors), path)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    for seed, (name, (config, lengths, zeros)) in enumerate(MODELS.items(), 11):
        make(folder / name, config, lengths, zeros, seed)
    make_positions(folder / "positions.safetensors", torch.Generator().manual_seed(1))


if __name__ == "__main__":
    main()
