#!/usr/bin/env python3
"""Makes the folder head: a task's head in torch.nn, its gradients, and the losses of its scores.

    python make_head.py       needs torch and safetensors; writes beside itself

NAME.safetensors, a head each: its weights under their names; states [rows,K], start and count i32 [B·J]: which rows each
group has (the others are nobody's); d_scores [B,C], the gradient of the scores; scores [B,C], d_states [rows,K] and
grad.NAME, computed in f64 from these f32.

loss.safetensors, for each case NAME: NAME.scores [B,C], NAME.label i32 and NAME.share f32 [B,K] (label −1: none) and
NAME.smoothing []; NAME.loss [], NAME.d_scores [B,C] and NAME.correct i64 [], in f64 from these.
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = pathlib.Path(__file__).with_name("head")


class Pooler(nn.Module):
    def __init__(self, Q, K, heads):
        super().__init__()
        self.query = nn.Parameter(torch.empty(Q, K))
        self.ln_q, self.ln_k = nn.LayerNorm(K), nn.LayerNorm(K)
        self.attn = nn.MultiheadAttention(K, heads, batch_first=True)

    def forward(self, rows):
        keys = self.ln_k(rows)[None]
        return self.attn(self.ln_q(self.query)[None], keys, keys, need_weights=False)[0][0]


class Head(nn.Module):
    def __init__(self, J, Q, K, heads, C):
        super().__init__()
        self.attn_pool, self.ln_post, self.fc = Pooler(Q, K, heads), nn.LayerNorm(K), nn.Linear(J * K, C)

    def forward(self, states, start, count, J):
        pooled = [self.attn_pool(states[s:s + n]).mean(0) for s, n in zip(start, count)]
        return self.fc(self.ln_post(torch.stack(pooled)).unflatten(0, (-1, J)).flatten(1))


# name: J, Q, K, heads, C, rows; start and count of each group
HEADS = {"one": ((1, 1, 16, 4, 7, 16), [(0, 5), (5, 3), (8, 8)]),
         "queries": ((1, 3, 24, 2, 5, 21), [(12, 9), (0, 4), (6, 1), (8, 2)]),
         "joined": ((2, 1, 12, 1, 2, 19), [(0, 3), (3, 4), (7, 1), (8, 6), (14, 2), (16, 3)]),
         "joined_queries": ((2, 4, 8, 2, 3, 23), [(15, 7), (1, 3), (4, 1), (9, 5)])}


def randomize(head):
    """Every tensor far from its initial distribution, so that nothing can be left out unnoticed."""
    for name, p in head.named_parameters():
        noise = torch.randn(p.shape)
        if "ln_" in name and name.endswith("weight"):
            value = 1 + 0.2 * noise
        elif p.dim() < 2:
            value = 0.3 * noise
        else:
            value = 1.2 * noise * (0.7 if name.endswith("query") else p.shape[1] ** -0.5)
        p.data = value.double()


def make_head(name, sizes, groups):
    J, Q, K, heads, C, rows = sizes
    head = Head(J, Q, K, heads, C)
    randomize(head)
    states = torch.randn(rows, K).double().requires_grad_()
    d_scores = torch.randn(len(groups) // J, C)
    start, count = torch.tensor(groups, dtype=torch.int32).T
    scores = head(states, start.tolist(), count.tolist(), J)
    scores.backward(d_scores.double())
    tensors = {"states": states, "start": start, "count": count, "d_scores": d_scores, "scores": scores,
               "d_states": states.grad}
    for key, p in head.named_parameters():
        tensors |= {f"head.{key}": p, f"grad.head.{key}": p.grad}
    kept = {k: (v if v.dtype == torch.int32 else v.detach().float()).contiguous() for k, v in tensors.items()}
    save_file(kept, FOLDER / f"{name}.safetensors")


# ---- losses

def softmax(scores, target, smoothing):
    """target: classes, of which −100 counts nothing, or probabilities."""
    return nn.CrossEntropyLoss(reduction="sum", label_smoothing=smoothing)(scores, target)


def sigmoid(scores, target, smoothing):
    return nn.BCEWithLogitsLoss(reduction="sum")(scores, (1 - smoothing) * target + smoothing / 2)


def dense(label, share, C):
    target = torch.zeros(len(label), C + 1, dtype=torch.float64)
    return target.scatter_add(1, torch.where(label < 0, C, label).long(), share.double())[:, :C]


def save_case(tensors, name, loss, scores, label, share, target, smoothing):
    x = scores.double().requires_grad_()
    smoothing = torch.tensor(smoothing)
    value = loss(x, target, smoothing.double().item())
    value.backward()
    shares = dense(label, share, scores.shape[1])
    best = shares.gather(1, scores.argmax(1, keepdim=True))[:, 0]
    correct = ((best > 0) & (best == shares.max(1).values)).sum()
    for key, kept in {"scores": scores, "label": label, "share": share, "smoothing": smoothing, "loss": value.detach(),
                      "d_scores": x.grad.float(), "correct": correct}.items():
        tensors[f"{name}.{key}"] = kept.clone(memory_format=torch.contiguous_format)


def classes(tensors, name, C, smoothing, scale, chosen):
    label = torch.tensor(chosen, dtype=torch.int32)[:, None]
    target = torch.where(label < 0, -100, label)[:, 0].long()
    save_case(tensors, name, softmax, scale * torch.randn(len(chosen), C), label, torch.ones(len(chosen), 1), target,
              smoothing)


# Ten people's answers, each given or not; shares as VQA counts them, min(answers / 3, 1).
ANSWERS = (torch.tensor([[4, 0, 2], [1, -1, -1], [6, 3, -1], [8, 1, 0], [5, 7, -1]], dtype=torch.int32),
           torch.tensor([[1, 2 / 3, 1 / 3], [1, 0, 0], [1, 1, 0], [1 / 3, 1 / 3, 1], [1, 2 / 3, 0]]))


def answers(tensors, name, loss, smoothing, scale):
    label, share = ANSWERS
    target = dense(label, share, 9)
    if loss is softmax:
        target = target / target.sum(1, keepdim=True)
    scores = scale * torch.randn(len(label), 9)
    scores[0, 4] = scores[2, 3] = scores[4, 5] = 3 * scale
    save_case(tensors, name, loss, scores, label, share, target, smoothing)


def main():
    torch.manual_seed(11)
    FOLDER.mkdir(exist_ok=True)
    for name, (sizes, groups) in HEADS.items():
        make_head(name, sizes, groups)
    tensors = {}
    classes(tensors, "classes", 7, 0.0, 1, [3, 0, 6, 6, 2])
    classes(tensors, "smoothed", 5, 0.1, 2, [4, 1, 0, 3])
    classes(tensors, "unlabelled", 4, 0.2, 1, [-1, 2, -1, 0])
    classes(tensors, "confident", 3, 0.0, 60, [0, 1, 2, 0])
    answers(tensors, "answers", softmax, 0.0, 1)
    answers(tensors, "answers_smoothed", softmax, 0.3, 2)
    answers(tensors, "sigmoid", sigmoid, 0.0, 1)
    answers(tensors, "sigmoid_smoothed", sigmoid, 0.1, 3)
    answers(tensors, "sigmoid_confident", sigmoid, 0.0, 80)
    save_file(tensors, FOLDER / "loss.safetensors")


if __name__ == "__main__":
    main()
