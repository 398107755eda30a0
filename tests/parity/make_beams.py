#!/usr/bin/env python3
"""Captions of the golden models of open_clip's family by open_clip's own CoCa.generate, in float32: MODEL/captions.json.

    python make_beams.py        needs open_clip_torch==3.3.0, transformers==4.49.0, torch, numpy and safetensors
"""
import json
import pathlib

import torch
from safetensors.torch import load_file

from make_open_clip import MEAN, MODELS, STD, build, ids_of

CASES = [{"beams": 1}, {"beams": 1, "penalty": 1.4, "min": 3}, {"beams": 2}, {"beams": 3, "min": 0},
         {"beams": 6, "groups": 3}, {"beams": 6, "groups": 3, "min": 4, "penalty": 1.3}, {"beams": 4, "min": 4, "shorter": 1}]


def captions(coca, images, ids, given):
    case = {"groups": 1, "min": 2, "penalty": 1.0, "shorter": 0} | given
    T, (pad, bos, eos) = coca.text.context_length, ids
    case["max"] = T - case.pop("shorter")
    manner = {"generation_type": "beam_search", "num_beams": case["beams"], "num_beam_groups": case["groups"]}
    if case["beams"] == 1:
        manner = {"generation_type": "top_k", "top_k": 1}
    tokens = coca.generate(images, seq_len=case["max"], min_seq_len=case["min"], repetition_penalty=case["penalty"],
                           sot_token_id=bos, eos_token_id=eos, pad_token_id=pad, **manner)
    case["tokens"] = [row + [pad] * (T - len(row)) for row in tokens.tolist()]
    return case


def main():
    folder = pathlib.Path(__file__).resolve().parent
    for name, (config, _, _) in MODELS.items():
        coca = build(config, name).float().eval()
        coca.load_state_dict(load_file(folder / name / "weights.safetensors"))
        pixels = load_file(folder / name / "batch.safetensors")["pixels"]
        images = ((pixels.double() / 255 - MEAN) / STD).permute(0, 3, 1, 2).float()
        cases = [captions(coca, images, ids_of(config), case) for case in CASES]
        (folder / name / "captions.json").write_text(json.dumps({"captions": cases}) + "\n")


if __name__ == "__main__":
    main()
