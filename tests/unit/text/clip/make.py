#!/usr/bin/env python3
"""Golden files of CLIP's tokenizer, by open_clip_torch 3.3.0. Run in this folder.

    small.txt.gz, small/vocab.json with small/merges.txt, small.json   one vocabulary of our own in CLIP's three forms
    texts        texts, each behind its size in bytes as 32 bits
    small.ids    for each a hash of its ids with that vocabulary: FNV-1a of 64 bits over the ids as 32 bits, begin and end included
    clip.ids     the same with CLIP's own vocabulary, which is not here (data/clip-vocabulary.sh)
    small.decoded  what the first of them decode to, a line each
"""
import collections
import gzip
import json
import struct
from pathlib import Path

import regex

import texts
from open_clip.tokenizer import SimpleTokenizer, bytes_to_unicode

PAIRS, TEXTS, DECODED = 300, 1500, 200
clip = SimpleTokenizer()


def train(words, count):
    """Byte-pair encoding as published: the most frequent pair joins, again and again."""
    words = {tuple(word[:-1]) + (word[-1] + "</w>",): n for word, n in words.items()}
    pairs = []
    for _ in range(count):
        seen = collections.Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                seen[pair] += n
        best = max(sorted(seen), key=seen.get)
        pairs.append(best)
        joined = {}
        for word, n in words.items():
            out, i = [], 0
            while i < len(word):
                step = 2 if word[i : i + 2] == best else 1
                out.append("".join(word[i : i + step]))
                i += step
            joined[tuple(out)] = n
        words = joined
    return pairs


def make_vocabulary():
    spell = bytes_to_unicode()
    words = collections.Counter()
    for text in texts.SENTENCES + [" ".join(texts.WORDS)] * 2:
        for word in regex.findall(clip.pat, clip.clean_fn(text)):
            words["".join(spell[byte] for byte in word.encode())] += 1
    spelt = [("m", "o"), ("mo", "d"), ("mod", "e"), ("mode", "l")]  # "model" is a token of CLIP's, and tokenizer.json's key
    pairs = [pair for pair in train(words, PAIRS) if pair not in spelt][: PAIRS - len(spelt)] + spelt
    lines = "\n".join(" ".join(pair) for pair in pairs)
    Path("small.txt.gz").write_bytes(gzip.compress(('"bpe_simple_vocab small\n' + lines).encode(), mtime=0))
    return pairs, lines


def make_json(pairs, lines):
    tokens = list(bytes_to_unicode().values())
    tokens += [token + "</w>" for token in tokens] + ["".join(pair) for pair in pairs]
    marks = ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate(tokens + marks)}
    Path("small").mkdir(exist_ok=True)
    Path("small/vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    Path("small/merges.txt").write_text("#version: 0.2\n" + lines + "\n")
    added = [{"id": vocab[mark], "content": mark, "special": True} for mark in marks]
    model = {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {t: i for t, i in vocab.items() if t not in marks},
             "merges": [list(pair) if i % 2 else " ".join(pair) for i, pair in enumerate(pairs)]}
    Path("small.json").write_text(json.dumps({"version": "1.0", "added_tokens": added, "model": model}, ensure_ascii=False))


def ids_of(tokenizer, text):
    return [tokenizer.sot_token_id, *tokenizer.encode(text.decode("utf-8", "replace")), tokenizer.eot_token_id]


def fnv(ids):
    value = 0xCBF29CE484222325
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def plain(tokenizer, ids):
    """Begin and end left out wherever they stand, and the blank behind the last word."""
    text = tokenizer.decode([i for i in ids if i not in tokenizer.all_special_ids])
    return text[:-1] if text.endswith(" ") else text


make_json(*make_vocabulary())
small = SimpleTokenizer(bpe_path="small.txt.gz")
rows = [text for _, text in texts.make(11, TEXTS * 2) if b"<end_of_text>" not in text.lower() and len(text) < 400][:TEXTS]
Path("texts").write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in rows))
for name, tokenizer in (("small", small), ("clip", clip)):
    Path(name + ".ids").write_bytes(struct.pack(f"<{len(rows)}Q", *(fnv(ids_of(tokenizer, text)) for text in rows)))
Path("small.decoded").write_text("".join(plain(small, ids_of(small, text)) + "\n" for text in rows[:DECODED]))
