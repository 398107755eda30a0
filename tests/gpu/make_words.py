#!/usr/bin/env python3
"""Makes a vocabulary and captions for pictures that lie there, with nothing but the standard library.

    python make_words.py FOLDER PICTURES T VOCABULARY

Writes FOLDER/words.model, a SentencePiece unigram model of exactly VOCABULARY pieces, each but the first few a word that no
other pieces make up, and FOLDER/list.tsv for `coca-pack pack --from csv`: pictures 0.jpg, 1.jpg, … with captions as long as
make_batch.py's.
"""
import random
import struct
import sys

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
SYLLABLES = [c + v for c in CONSONANTS for v in VOWELS]
NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # SentencePiece's types of a piece
UNIGRAM = 1


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
    """Three syllables; all differ, and none begins another."""
    n = len(SYLLABLES)
    return SYLLABLES[index % n] + SYLLABLES[index // n % n] + SYLLABLES[index // n // n % n]


def model(words):
    # Pieces 0 to 3 as in data/vocabulary.sh; scores are log probabilities, those of the marker alone and of letters far below.
    pieces = [piece("<pad>", 0, CONTROL), piece("<s>", 0, CONTROL), piece("</s>", 0, CONTROL), piece("<unk>", 0, UNKNOWN)]
    pieces += [piece(text, -20, NORMAL) for text in ("\u2581", *CONSONANTS, *VOWELS)]
    pieces += [piece("\u2581" + text, -10, NORMAL) for text in words]
    ids = number(40, 3) + number(41, 1) + number(42, 2) + number(43, 0)  # unk, bos, eos, pad
    trainer = number(3, UNIGRAM) + number(4, len(pieces)) + ids
    normalizer = message(1, b"identity") + number(3, 1) + number(4, 1) + number(5, 1)
    return b"".join(pieces) + message(2, trainer) + message(3, normalizer)


def main():
    folder, (pictures, T, vocabulary) = sys.argv[1], map(int, sys.argv[2:5])
    draw = random.Random(0)
    words = [word(i) for i in range(vocabulary - 4 - 1 - len(CONSONANTS) - len(VOWELS))]
    with open(f"{folder}/words.model", "wb") as file:
        file.write(model(words))
    with open(f"{folder}/list.tsv", "w") as file:
        file.write("filepath\ttitle\n")
        for i in range(pictures):
            caption = (draw.choice(words) for _ in range(max(draw.randint(T // 4, 3 * T // 4) - 2, 1)))
            file.write(f"{i}.jpg\t{' '.join(caption)}\n")


if __name__ == "__main__":
    main()
