#!/usr/bin/env python3
"""Makes a vocabulary and captions for pictures that lie there, with nothing but the standard library.

    python make_words.py FOLDER PICTURES T VOCABULARY [BOS EOS]

Writes FOLDER/words.model, a SentencePiece unigram model of exactly VOCABULARY pieces, all but a few of them words, and
FOLDER/list.tsv for `coca-pack pack --from csv`: pictures 0.jpg, 1.jpg, … with captions as long as make_batch.py's. BOS and EOS
are 1 and 2, as in data/vocabulary.sh, or what CLIP's vocabulary has, say.
"""
import random
import struct
import sys

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
SYLLABLES = [c + v for c in CONSONANTS for v in VOWELS]
NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # SentencePiece's types of a piece
UNIGRAM = 1
PAD, UNK = 0, 3


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def real(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def message(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def piece(text, score, kind):
    return message(1, message(1, text.encode()) + real(2, score) + number(3, kind))


def word(index):
    """Three syllables."""
    n = len(SYLLABLES)
    return "\u2581" + SYLLABLES[index % n] + SYLLABLES[index // n % n] + SYLLABLES[index // n // n % n]


def pieces(vocabulary, special):
    """Serialised pieces, and the words among them. Scores are log probabilities; a letter's is far below a word's."""
    letters, words, out = ["\u2581", *CONSONANTS, *VOWELS], [], []
    for i in range(vocabulary):
        if i in special:
            out.append(piece(special[i], 0, UNKNOWN if special[i] == "<unk>" else CONTROL))
        elif letters:
            out.append(piece(letters.pop(), -20, NORMAL))
        else:
            words.append(word(len(words)))
            out.append(piece(words[-1], -10, NORMAL))
    return out, [text[1:] for text in words]


def model(parts, bos, eos):
    trainer = number(3, UNIGRAM) + number(4, len(parts)) + number(40, UNK) + number(41, bos) + number(42, eos) + number(43, PAD)
    normalizer = message(1, b"identity") + number(3, 1) + number(4, 1) + number(5, 1)  # words begin with the marker
    return b"".join(parts) + message(2, trainer) + message(3, normalizer)


def main():
    folder, (pictures, T, vocabulary, *ids) = sys.argv[1], map(int, sys.argv[2:])
    bos, eos = ids or (1, 2)
    draw = random.Random(0)
    parts, words = pieces(vocabulary, {PAD: "<pad>", UNK: "<unk>", bos: "<s>", eos: "</s>"})
    with open(f"{folder}/words.model", "wb") as file:
        file.write(model(parts, bos, eos))
    with open(f"{folder}/list.tsv", "w") as file:
        file.write("filepath\ttitle\n")
        for i in range(pictures):
            caption = (draw.choice(words) for _ in range(max(draw.randint(T // 4, 3 * T // 4) - 2, 1)))
            file.write(f"{i}.jpg\t{' '.join(caption)}\n")


if __name__ == "__main__":
    main()
