#!/usr/bin/env python3
"""Golden captions: open_clip 3.3.0's own CoCa.generate with transformers 4.49, over logits from a hash instead of a model.

    python make_generation.py >generation.json      (torch 2.13, open_clip_torch 3.3.0, transformers 4.49)

tests/unit/model/test_beam_search.c has the same hash. `sampling` holds what a draw may give: probabilities after the
processors and warpers, in open_clip's order.
"""
import functools
import json
import sys

import open_clip.coca_model
import torch
from open_clip.coca_model import CoCa
from transformers import (BeamSearchScorer, HammingDiversityLogitsProcessor, LogitsProcessorList, MaxLengthCriteria,
                          MinLengthLogitsProcessor, RepetitionPenaltyLogitsProcessor, StoppingCriteriaList,
                          TopKLogitsWarper, TopPLogitsWarper)

MASK = 0xFFFFFFFF
PAD, BOS, EOS = 0, 1, 2


def mix(x):
    x = x & MASK
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & MASK
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def logits(picture, tokens, case):
    """f32 [V] in −8 … 8 plus `shift`, EOS plus `eos` more; all sums exact."""
    h = 2166136261
    for token in [picture] + tokens:
        h = ((h ^ token) * 16777619) & MASK
    row = [(mix(h + v * 0x9E3779B9) >> 8) / 2**20 - 8 + case["shift"] for v in range(case["vocab"])]
    row[EOS] += case["eos"]
    return row


class Table(CoCa):
    def __init__(self, case):
        torch.nn.Module.__init__(self)
        self.case, self.pad_id = case, PAD

    def _encode_image(self, images, normalize=True):
        return images, images

    def forward(self, image, text, **_):
        rows = [[logits(int(i), t.tolist(), self.case)] for i, t in zip(image[:, 0], text)]
        return {"logits": torch.tensor(rows, dtype=torch.float32)}


def greedy(case):
    images = torch.arange(case["batch"])[:, None]
    text = torch.tensor([case["prompt"]] * case["batch"])
    return Table(case).generate(images, text=text, seq_len=case["max"], min_seq_len=case["min"], top_k=1,
                                generation_type="top_k", pad_token_id=PAD, eos_token_id=EOS, sot_token_id=BOS,
                                repetition_penalty=case["penalty"])


def beams(case):
    processors = LogitsProcessorList([MinLengthLogitsProcessor(case["min"], torch.tensor([EOS])),
                                      RepetitionPenaltyLogitsProcessor(case["penalty"])])
    if case["diversity"]:
        processors.append(HammingDiversityLogitsProcessor(case["diversity"], case["beams"], case["groups"]))
    # generate always keeps the best; what transformers calls num_return_sequences is the scorer's
    open_clip.coca_model.BeamSearchScorer = functools.partial(BeamSearchScorer, num_beam_hyps_to_keep=case["captions"])
    with torch.no_grad():
        return Table(case)._generate_beamsearch(
            torch.arange(case["batch"])[:, None], pad_token_id=PAD, eos_token_id=torch.tensor([EOS]),
            sot_token_id=torch.tensor([BOS]), num_beams=case["beams"], num_beam_groups=case["groups"],
            min_seq_len=case["min"], logit_processor=processors,
            stopping_criteria=StoppingCriteriaList([MaxLengthCriteria(max_length=case["max"])]))


def caption_case(**given):
    case = {"vocab": 41, "batch": 4, "beams": 1, "groups": 1, "captions": 1, "diversity": 0.0, "min": 5, "max": 30, "penalty": 1.0,
            "shift": 0.0, "eos": 3.0, "prompt": [BOS]} | given
    tokens = (beams if case["beams"] > 1 else greedy)(case)
    case["tokens"] = [(row + [PAD] * (case["max"] - len(row))) for row in tokens.tolist()]
    return case


def sampling_case(index, **given):
    case = {"vocab": 23, "shift": 0.0, "eos": 0.0, "tokens": [BOS, 7, 9, 7], "min": 0, "penalty": 1.0, "top_k": 0,
            "top_p": 1.0, "temperature": 1.0} | given
    scores = torch.tensor([logits(index, case["tokens"], case)], dtype=torch.float32) / 2
    ids = torch.tensor([case["tokens"]])
    case["logits"] = scores[0].tolist()
    scores = MinLengthLogitsProcessor(case["min"], torch.tensor([EOS]))(ids, scores)
    scores = RepetitionPenaltyLogitsProcessor(case["penalty"])(ids, scores)
    if case["top_k"]:
        scores = TopKLogitsWarper(case["top_k"])(ids, scores)
    if case["top_p"] < 1:
        scores = TopPLogitsWarper(case["top_p"])(ids, scores)
    case["probability"] = torch.softmax(scores / case["temperature"], -1)[0].tolist()
    return case


CAPTIONS = [
    {}, {"eos": 6.0, "min": 2}, {"penalty": 1.7, "shift": -3.0}, {"prompt": [BOS, 9, 4, 9], "penalty": 1.2},
    {"max": 7, "min": 6}, {"eos": -20.0, "max": 12}, {"eos": 7.9, "min": 0},
    {"beams": 2}, {"beams": 3, "eos": 5.0, "min": 0}, {"beams": 6, "groups": 3}, {"beams": 6, "groups": 3, "eos": 5.5},
    {"beams": 6, "groups": 3, "diversity": 0.7}, {"beams": 6, "groups": 3, "diversity": 9.0, "eos": 6.0},
    {"beams": 6, "groups": 2, "diversity": 2.5, "shift": -9.0}, {"beams": 4, "groups": 4, "diversity": 4.0},
    {"beams": 5, "shift": -12.0, "eos": 1.0}, {"beams": 4, "shift": -30.0, "eos": 4.0, "penalty": 1.3},
    {"beams": 4, "penalty": 2.5, "max": 20}, {"beams": 8, "vocab": 17, "max": 20, "eos": 4.0},
    {"beams": 2, "groups": 2, "max": 9}, {"beams": 4, "eos": -20.0, "max": 8}, {"beams": 7, "batch": 9, "max": 18},
    {"beams": 12, "groups": 3, "diversity": 1.5, "vocab": 300, "eos": 6.5}, {"beams": 3, "max": 6, "min": 5},
    {"beams": 6, "groups": 3, "vocab": 700, "eos": 7.5, "batch": 8}, {"beams": 2, "shift": 6.0, "eos": 0.5},
    {"beams": 6, "captions": 4}, {"beams": 6, "groups": 3, "diversity": 0.7, "captions": 5}, {"beams": 5, "captions": 5, "eos": 5.0, "min": 0},
    {"beams": 8, "vocab": 17, "max": 20, "eos": 4.0, "captions": 8}, {"beams": 6, "groups": 2, "diversity": 2.5, "eos": 6.0, "captions": 6},
]
SAMPLING = [
    {}, {"temperature": 0.6}, {"top_k": 5}, {"top_k": 1}, {"top_p": 0.8}, {"top_p": 0.05}, {"top_p": 0.9, "temperature": 3.0},
    {"top_k": 6, "top_p": 0.7, "temperature": 0.8}, {"penalty": 1.6}, {"penalty": 0.5, "top_k": 4}, {"min": 9, "eos": 20.0},
]

if __name__ == "__main__":
    json.dump({"captions": [caption_case(**c) for c in CAPTIONS],
               "sampling": [sampling_case(i, **c) for i, c in enumerate(SAMPLING)]}, sys.stdout)
    sys.stdout.write("\n")
