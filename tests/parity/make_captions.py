#!/usr/bin/env python3
"""Captions in COCO's layouts and their scores by pycocoevalcap: captions/none, which no tokenizer goes before, and
captions/ptb, which its PTBTokenizer does.

    python make_captions.py        needs pycocoevalcap==1.2 and Java
"""
import json
import math
import pathlib
import random

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

WORDS = "a the red small dog cat man tree ball on under of with runs sits and holds two".split()
DOMAINS = ("in-domain", "near-domain", "out-domain")
# What is cut in more than one way, is empty, or agrees in part only: a candidate and its references.
EDGES = [("", ["a dog", "the cat sits"]), ("a dog", [""]), ("", [""]), ("dog", ["dog"]), ("a dog", ["a dog"]),
         ("a  dog ", ["a dog", " a dog"]), ("2\u00a01/2 dogs\trun", ["2\u00a01/2 dogs", "2 1/2 dogs run"]),
         ("a dog runs on", ["a dog", "a dog runs on the ball"]), ("a a a a a a a", ["a a", "a dog a a"]),
         ("nothing known here at all", ["a red ball", "the tree"]),
         ("a dog\u3000runs \u2028 on", ["a dog runs", "on on"]),
         ("the red dog holds the ball under the tree", ["the red dog holds the ball under the tree"] * 2),
         ("one\ntwo\x1cthree", ["one two three"]), ("caf\u00e9 \u72ac", ["caf\u00e9 \u72ac \u732b"])]


# As people write.
WRITTEN = ["A man (in red) isn't here.", "Two dogs: one big, one small!", "\"Hello,\" she said... and left;",
           "It's 50% off - only $5.00", "A T-shirt with 'I can't' on it", "Mr. Smith's cat & the U.S. flag",
           "A man in red is here", "two DOGS, one big and one small", "Hello she said & left", "", "...",
           "1/2 of 10,000 cats", "a man\nin red", "One cat -- no, two cats?", "(555) 123-4567 is a number",
           "A caf\u00e9, a na\u00efve \u2018cat\u2019"]


def sentence(rng):
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 14)))


def near(rng, text):
    words = [w if rng.random() < 0.75 else rng.choice(WORDS) for w in text.split(" ")]
    return " ".join(words[rng.randint(0, 1):] or words)


def made(rng):
    for _ in range(30):
        references = [sentence(rng) for _ in range(rng.randint(1, 6))]
        yield near(rng, rng.choice(references)), references


def written(rng):
    for text in WRITTEN:
        references = [near(rng, text), *rng.sample(WRITTEN, rng.randint(0, 2))]
        yield text, references


def tokenized(cases):
    def cut(texts):
        return PTBTokenizer().tokenize({i: [{"caption": c} for c in captions] for i, captions in texts.items()})
    candidates, references = cut({i: [c[0]] for i, c in cases.items()}), cut({i: c[1] for i, c in cases.items()})
    return {i: (candidates[i][0], references[i]) for i in cases}


def scores(cases):
    references, candidates = {i: c[1] for i, c in cases.items()}, {i: [c[0]] for i, c in cases.items()}
    bleu, each_bleu = Bleu(4).compute_score(references, candidates, verbose=0)
    rouge, each_rouge = Rouge().compute_score(references, candidates)
    cider, each_cider = Cider().compute_score(references, candidates)
    names = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr"]
    each = [{"image_id": i, **dict(zip(names, map(float, row)))}
            for i, *row in zip(cases, *each_bleu, each_rouge, each_cider)]
    return dict(zip(names, map(float, [*bleu, rouge, cider]))), each


def write(folder, name, value):
    (folder / name).write_text(json.dumps(value, indent=0, ensure_ascii=True) + "\n")


def write_set(rng, name, cases, tokens):
    folder = pathlib.Path(__file__).parent / "captions" / name
    folder.mkdir(parents=True, exist_ok=True)
    cases = {i * 7 + 3: case for i, case in enumerate(cases)}
    domain = {i: rng.choice(DOMAINS) for i in cases}
    annotations = [{"id": n, "image_id": i, "caption": text} for n, (i, text) in
                   enumerate((i, text) for i, case in cases.items() for text in case[1])]
    rng.shuffle(annotations)
    order = {i: [a["caption"] for a in annotations if a["image_id"] == i] for i in cases}
    results = [{"image_id": i, "caption": case[0]} for i, case in cases.items()]
    rng.shuffle(results)
    images = [{"id": i, "file_name": f"{i}.jpg", "domain": domain[i]} for i in cases]
    write(folder, "references.json", {"images": images, "annotations": annotations})
    write(folder, "results.json", results)
    cases = tokens({i: (case[0], order[i]) for i, case in cases.items()})
    corpus, each = scores(cases)
    golden = {"all": corpus, "each": each}
    for domain_name in DOMAINS:
        golden[domain_name] = scores({i: c for i, c in cases.items() if domain[i] == domain_name})[0]
    assert all(math.isfinite(v) for v in corpus.values())
    write(folder, "golden.json", golden)


def main():
    rng = random.Random(3)
    write_set(rng, "none", [*EDGES, *made(rng)], lambda cases: cases)
    write_set(rng, "ptb", written(rng), tokenized)


main()
