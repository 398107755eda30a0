#!/usr/bin/env python3
"""Makes the golden files of the parity tests: small CoCa models of the paper family in plain PyTorch.

    python make_golden.py [FOLDER]        needs torch, numpy and safetensors; FOLDER is this script's own

Written from the design (section 7) and the paper, with nothing of cocaflow or open_clip in it. All arithmetic is in
float64 on float32 weights, so that the files hold the exact values that float32 code must approach. A model's folder:

    model.json           configuration
    weights.safetensors  initial weights, logit_scale included
    batch.safetensors    pixels u8 [G,S,S,3], tokens i32 [G,T], ids i64 [G]
    golden.safetensors   image_embedding, text_embedding [G,E], features [G,Q,D], logits [G,T-1,V] (zeros where the
                         target is padding), grad.NAME of the total loss, greedy i32 [G,T]: captions made without
                         sampling, BOS and padding never chosen
    steps.json           hyper-parameters, and losses, gradient norm and logit_scale (the exponential) of four AdamW
                         steps on the same batch; step s uses the weights after s updates
"""
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

PAD, BOS, EOS = 0, 1, 2
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073], dtype=torch.float32).double()
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711], dtype=torch.float32).double()

TRAINING = {"optimizer": "adamw", "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "wd": 0.01, "warmup": 0,
            "lr_scheduler": "const", "grad_clip_norm": 1.0, "coca_caption_loss_weight": 2.0,
            "coca_contrastive_loss_weight": 1.0, "contrastive": "mean"}


def model(embed, vision, text, multimodal_layers, multimodal_heads):
    """vision: image, patch, width, layers, head width, MLP ratio, queries, pooler heads;
    text: T, V, width, layers, heads, MLP ratio."""
    image, patch, width, layers, head, ratio, queries, pooler_heads = vision
    T, V, D, text_layers, heads, text_ratio = text
    return {
        "family": "paper", "embed_dim": embed,
        "vision_cfg": {"image_size": image, "patch_size": patch, "width": width, "layers": layers, "head_width": head,
                       "mlp_ratio": ratio, "attentional_pool": "cascade", "attn_pooler_queries": queries,
                       "attn_pooler_heads": pooler_heads},
        "text_cfg": {"context_length": T, "vocab_size": V, "width": D, "heads": heads, "layers": text_layers,
                     "mlp_ratio": text_ratio, "embed_cls": True, "pad_id": PAD, "bos_id": BOS, "eos_id": EOS},
        "multimodal_cfg": {"context_length": T, "vocab_size": V, "width": D, "heads": multimodal_heads,
                           "layers": multimodal_layers, "mlp_ratio": text_ratio}}


# name: (configuration, caption lengths with BOS and EOS, overrides of TRAINING)
MODELS = {
    "narrow_vision": (model(20, (20, 5, 24, 2, 24, 2, 5, 2), (9, 61, 32, 1, 2, 2), 2, 1), (9, 2, 5, 7, 3, 9), {}),
    "wide_vision": (model(12, (18, 6, 64, 1, 64, 0.7, 3, 1), (7, 43, 24, 1, 1, 2.6), 1, 1), (2, 7, 4, 6), {}),
    "equal_widths": (model(17, (16, 4, 32, 1, 32, 1.7, 6, 2), (13, 37, 32, 2, 1, 1.55), 1, 2),
                     (13, 6, 2, 10, 4, 2, 13, 8), {"contrastive": "sum"}),
}


# ---- parameters

def norm_shapes(prefix, D):
    return {f"{prefix}.weight": (D,), f"{prefix}.bias": (D,)}


def attention_shapes(prefix, D, K):
    packed = {"in_proj_weight": (3 * D, D)}
    apart = {"q_proj_weight": (D, D), "k_proj_weight": (D, K), "v_proj_weight": (D, K)}
    shapes = {**(packed if K == D else apart), "in_proj_bias": (3 * D,), "out_proj.weight": (D, D),
              "out_proj.bias": (D,)}
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


def mlp_shapes(prefix, D, ratio):
    hidden = int(D * ratio)
    return {**norm_shapes(f"{prefix}.ln_2", D), f"{prefix}.mlp.c_fc.weight": (hidden, D),
            f"{prefix}.mlp.c_fc.bias": (hidden,), f"{prefix}.mlp.c_proj.weight": (D, hidden),
            f"{prefix}.mlp.c_proj.bias": (D,)}


def block_shapes(prefix, D, ratio):
    return {**norm_shapes(f"{prefix}.ln_1", D), **attention_shapes(f"{prefix}.attn", D, D),
            **mlp_shapes(prefix, D, ratio)}


def pooler_shapes(prefix, Q, D, K):
    return {f"{prefix}.query": (Q, D), **norm_shapes(f"{prefix}.ln_q", D), **norm_shapes(f"{prefix}.ln_k", K),
            **attention_shapes(f"{prefix}.attn", D, K)}


def shapes_of(config):
    v, t, m, E = config["vision_cfg"], config["text_cfg"], config["multimodal_cfg"], config["embed_dim"]
    W, D, P = v["width"], t["width"], v["patch_size"]
    shapes = {"visual.conv1.weight": (W, 3, P, P),
              "visual.positional_embedding": ((v["image_size"] // P) ** 2, W)}
    for i in range(v["layers"]):
        shapes |= block_shapes(f"visual.transformer.resblocks.{i}", W, v["mlp_ratio"])
    shapes |= norm_shapes("visual.ln_post", W)
    shapes |= pooler_shapes("visual.attn_pool", v["attn_pooler_queries"], D, W)
    shapes |= pooler_shapes("visual.attn_pool_contrastive", 1, D, D)
    shapes |= {"visual.proj": (D, E), "text.token_embedding.weight": (t["vocab_size"], D),
               "text.positional_embedding": (t["context_length"] + 1, D), "text.cls_emb": (D,)}
    for i in range(t["layers"]):
        shapes |= block_shapes(f"text.transformer.resblocks.{i}", D, t["mlp_ratio"])
    shapes |= {**norm_shapes("text.ln_final", D), "text.text_projection": (D, E)}
    for i in range(m["layers"]):
        self_, cross = f"text_decoder.resblocks.{i}", f"text_decoder.cross_attn.{i}"
        shapes |= {**norm_shapes(f"{self_}.ln_1", D), **attention_shapes(f"{self_}.attn", D, D)}
        shapes |= {**norm_shapes(f"{cross}.ln_1_kv", D), **block_shapes(cross, D, m["mlp_ratio"])}
    return shapes | {**norm_shapes("text_decoder.ln_final", D),
                     "text_decoder.text_projection": (D, t["vocab_size"]), "logit_scale": ()}


def random_weights(shapes, generator):
    """Every tensor far from its initial distribution, so that nothing can be left out unnoticed."""
    weights = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        if name == "logit_scale":
            value = torch.tensor(2.5, dtype=torch.float64) + 0.1 * noise
        elif name == "logit_bias":
            value = torch.tensor(-6, dtype=torch.float64) + 0.1 * noise
        elif "ln_" in name and name.endswith("weight"):
            value = 1 + 0.2 * noise
        elif len(shape) < 2:
            value = 0.2 * noise
        elif "embedding" in name or "query" in name:
            value = 0.7 * noise
        else:
            fan_in = shape[0] if name.endswith("proj") or name.endswith("text_projection") else math.prod(shape[1:])
            value = 1.2 * noise / math.sqrt(fan_in)
        weights[name] = value
    return weights


def paper_weights(config, generator):
    weights = random_weights(shapes_of(config), generator)
    weights["text_decoder.text_projection"][:, EOS] *= 3  # so that some captions end early
    return {name: value.float().double() for name, value in weights.items()}


# ---- the model

def norm(w, prefix, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{prefix}.weight"], w[f"{prefix}.bias"], 1e-5)


def mix(q, k, v, visible):
    """One softmax attention, written out: tasks_in_torch.py puts PyTorch's own fast one in its place. [B,H,N,D/H] each."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if visible is not None:
        scores = scores.masked_fill(~visible, -math.inf)
    return scores.softmax(-1) @ v


def attention(w, prefix, q, kv, heads, visible=None):
    """q [B,Nq,D], kv [B,Nk,K], visible [Nq,Nk] or [B,Nq,Nk] → [B,Nq,D]."""
    D = q.shape[-1]
    if f"{prefix}.in_proj_weight" in w:
        weights = w[f"{prefix}.in_proj_weight"].split(D)
    else:
        weights = [w[f"{prefix}.{x}_proj_weight"] for x in "qkv"]
    biases = w[f"{prefix}.in_proj_bias"].split(D)
    split = lambda x: x.unflatten(-1, (heads, D // heads)).transpose(1, 2)
    q, k, v = (split(F.linear(x, weight, bias)) for x, weight, bias in zip((q, kv, kv), weights, biases))
    visible = visible[:, None] if visible is not None and visible.dim() == 3 else visible
    mixed = mix(q, k, v, visible).transpose(1, 2).flatten(-2)
    return F.linear(mixed, w[f"{prefix}.out_proj.weight"], w[f"{prefix}.out_proj.bias"])


def self_attention(w, prefix, x, heads, visible=None):
    y = norm(w, f"{prefix}.ln_1", x)
    return x + attention(w, f"{prefix}.attn", y, y, heads, visible)


def mlp(w, prefix, x):
    y = norm(w, f"{prefix}.ln_2", x)
    y = F.gelu(F.linear(y, w[f"{prefix}.mlp.c_fc.weight"], w[f"{prefix}.mlp.c_fc.bias"]))
    return x + F.linear(y, w[f"{prefix}.mlp.c_proj.weight"], w[f"{prefix}.mlp.c_proj.bias"])


def pooler(w, prefix, tokens, heads, visible=None):
    query = norm(w, f"{prefix}.ln_q", w[f"{prefix}.query"]).expand(len(tokens), -1, -1)
    return attention(w, f"{prefix}.attn", query, norm(w, f"{prefix}.ln_k", tokens), heads, visible)


def image_states(w, config, pixels):
    """pixels u8 [B,S,S,3] → tokens behind ln_post [B,N,W]."""
    v = config["vision_cfg"]
    x = pixels.to(w["visual.conv1.weight"])
    x = ((x / 255 - MEAN.to(x)) / STD.to(x)).permute(0, 3, 1, 2)
    x = F.conv2d(x, w["visual.conv1.weight"], stride=v["patch_size"]).flatten(2).transpose(1, 2)
    x = x + w["visual.positional_embedding"]
    for i in range(v["layers"]):
        prefix = f"visual.transformer.resblocks.{i}"
        x = mlp(w, prefix, self_attention(w, prefix, x, v["width"] // v["head_width"]))
    return norm(w, "visual.ln_post", x)


def encode_image(w, config, pixels):
    """pixels u8 [B,S,S,3] → features [B,Q,D], embedding [B,E]."""
    heads = config["vision_cfg"]["attn_pooler_heads"]
    features = pooler(w, "visual.attn_pool", image_states(w, config, pixels), heads)
    pooled = pooler(w, "visual.attn_pool_contrastive", features, heads)[:, 0]
    return features, F.normalize(pooled @ w["visual.proj"], dim=-1)


def encode_text(w, config, tokens):
    """tokens [B,T] → states [B,T,D], embedding [B,E]. CLS is row T; it sees every valid token and itself."""
    t = config["text_cfg"]
    B, T = tokens.shape
    x = F.embedding(tokens, w["text.token_embedding.weight"])
    x = torch.cat([x, w["text.cls_emb"].expand(B, 1, -1)], 1) + w["text.positional_embedding"]
    visible = torch.ones(T + 1, T + 1, dtype=torch.bool).tril().repeat(B, 1, 1)
    visible[:, T, :T] = tokens != PAD
    for i in range(t["layers"]):
        prefix = f"text.transformer.resblocks.{i}"
        x = mlp(w, prefix, self_attention(w, prefix, x, t["heads"], visible))
    cls = norm(w, "text.ln_final", x[:, T])
    return x[:, :T], F.normalize(cls @ w["text.text_projection"], dim=-1)


def multimodal(w, config, states, features):
    """states [B,n,D] → outputs behind ln_final [B,n,D]."""
    heads = config["multimodal_cfg"]["heads"]
    causal = torch.ones(states.shape[1], states.shape[1], dtype=torch.bool).tril()
    x = states
    for i in range(config["multimodal_cfg"]["layers"]):
        self_, cross = f"text_decoder.resblocks.{i}", f"text_decoder.cross_attn.{i}"
        x = self_attention(w, self_, x, heads, causal)
        x = x + attention(w, f"{cross}.attn", norm(w, f"{cross}.ln_1", x), norm(w, f"{cross}.ln_1_kv", features),
                          heads)
        x = mlp(w, cross, x)
    return norm(w, "text_decoder.ln_final", x)


def decode(w, config, states, features):
    """states [B,n,D] → logits [B,n,V]."""
    return multimodal(w, config, states, features) @ w["text_decoder.text_projection"]


def forward(w, config, training, batch):
    tokens = batch["tokens"].long()
    features, image = encode_image(w, config, batch["pixels"])
    states, text = encode_text(w, config, tokens)
    logits = decode(w, config, states[:, :-1], features)
    caption = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=PAD)
    cosines = w["logit_scale"].exp() * image @ text.T
    pairs = torch.arange(len(tokens))
    contrastive = F.cross_entropy(cosines, pairs) + F.cross_entropy(cosines.T, pairs)
    if training["contrastive"] == "mean":
        contrastive = contrastive / 2
    loss = training["coca_contrastive_loss_weight"] * contrastive + training["coca_caption_loss_weight"] * caption
    return {"image_embedding": image, "text_embedding": text, "features": features,
            "logits": logits * (tokens[:, 1:, None] != PAD)}, contrastive, caption, loss


def greedy(w, config, features):
    T = config["text_cfg"]["context_length"]
    captions = []
    for feature in features:
        caption = [BOS]
        while len(caption) < T and caption[-1] != EOS:
            tokens = torch.tensor([caption + [PAD] * (T - len(caption))])
            states = encode_text(w, config, tokens)[0][:, :len(caption)]
            logits = decode(w, config, states, feature[None])[0, -1]
            logits[[PAD, BOS]] = -math.inf
            caption.append(int(logits.argmax()))
        captions.append(caption + [PAD] * (T - len(caption)))
    return np.array(captions, dtype=np.int32)


# ---- training

def decays(name, tensor):
    return tensor.dim() >= 2 and not any(word in name for word in ("ln", "bias", "logit_scale"))


def train(weights, config, training, batch, steps):
    """Yields, for each step, its numbers and the gradients of the total loss before clipping."""
    w = {name: value.clone().requires_grad_() for name, value in weights.items()}
    groups = [{"params": [p for n, p in w.items() if decays(n, p) == decay], "weight_decay": training["wd"] * decay}
              for decay in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=training["lr"], betas=(training["beta1"], training["beta2"]),
                                  eps=training["eps"])
    for step in range(steps):
        optimizer.zero_grad()
        outputs, contrastive, caption, loss = forward(w, config, training, batch)
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in w.items()}
        grad_norm = torch.nn.utils.clip_grad_norm_(w.values(), training["grad_clip_norm"])
        yield {"step": step, "loss": loss.item(), "contrastive_loss": contrastive.item(),
               "caption_loss": caption.item(), "grad_norm": grad_norm.item(),
               "logit_scale": w["logit_scale"].exp().item()}, outputs, gradients
        optimizer.step()
        with torch.no_grad():
            w["logit_scale"].clamp_(0, math.log(100))


def random_batch(config, lengths, generator):
    S, T, V = config["vision_cfg"]["image_size"], config["text_cfg"]["context_length"], config["text_cfg"]["vocab_size"]
    tokens = torch.full((len(lengths), T), PAD, dtype=torch.int32)
    for row, length in zip(tokens, lengths):
        row[0], row[length - 1] = BOS, EOS
        row[1:length - 1] = torch.randint(3, V, (length - 2,), generator=generator, dtype=torch.int32)
    return {"pixels": torch.randint(0, 256, (len(lengths), S, S, 3), generator=generator, dtype=torch.uint8),
            "tokens": tokens,
            "ids": torch.tensor([(i % 2) << 48 | (100 + i) for i in range(len(lengths))], dtype=torch.int64)}


def numpy_of(tensors):
    """float64 becomes float32; contiguous, and a scalar stays one."""
    arrays = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    return {name: a.astype(np.float32 if a.dtype == np.float64 else a.dtype, order="C") for name, a in arrays.items()}


def make(folder, config, lengths, training, seed):
    generator = torch.Generator().manual_seed(seed)
    weights, batch = paper_weights(config, generator), random_batch(config, lengths, generator)
    trained = list(train(weights, config, training, batch, 4))
    with torch.no_grad():
        captions = greedy(weights, config, trained[0][1]["features"])
    save(folder, config, training, weights, batch, trained, captions)


def save(folder, config, training, weights, batch, trained, captions):
    """trained: of each step what train yields; captions: i32 [G,T]."""
    _, outputs, gradients = trained[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file(numpy_of(weights), folder / "weights.safetensors")
    save_file(numpy_of(batch), folder / "batch.safetensors")
    save_file(numpy_of(outputs) | numpy_of({f"grad.{n}": g for n, g in gradients.items()}) | {"greedy": captions},
              folder / "golden.safetensors")
    steps = [numbers for numbers, _, _ in trained]
    (folder / "steps.json").write_text(json.dumps({"training": training, "steps": steps}, indent=1) + "\n")
    print(folder.name, sum(p.numel() for p in weights.values()), "parameters", steps[0], captions.tolist())


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    for seed, (name, (config, lengths, overrides)) in enumerate(MODELS.items(), 1):
        make(folder / name, config, lengths, TRAINING | overrides, seed)


if __name__ == "__main__":
    main()
