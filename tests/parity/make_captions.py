#!/usr/bin/env python3
"""Captions in COCO's layouts and their scores by pycocoevalcap: captions/none, which no tokenizer goes before,
captions/ptb, which its PTBTokenizer does, and captions/meteor, for METEOR with data of our own making, in
captions/meteor/source: small, so that words and phrases match in many ways at once.

    python make_captions.py        needs pycocoevalcap==1.2 and Java
"""
import gzip
import json
import math
import pathlib
import random
import subprocess
import tempfile

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer import ptbtokenizer
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


FUNCTION_WORDS = "the a of is and 's , . -".split()
PREFIXES = ["# comment", "Mr", "v", "No #NUMERIC_ONLY#", "big", ""]
FORMS = ("run runs running ran runner leap leaps leaped jump jumping cat cats kitten kitty dog dogs hound big bigger "
         "biggest large huge small smaller little sit sits sitting sat church churches box boxes man men city cities "
         "quick quickly glass ed as is ful handful handfuls eyes eye eyed nosing nose nosier").split()
SYNSETS = [["cat", "kitten", "kitty"], ["dog", "hound"], ["big", "large", "huge"], ["large", "great"], ["run", "leap"],
           ["leap", "jump"], ["small", "little"], ["sit", "rest"], ["church", "temple"], ["box", "case"], ["man", "guy"],
           ["city", "town"], ["nose", "snout"], ["eye", "look"], ["glass", "cup"], ["as", "like"], ["ran", "dog"],
           ["handful", "few"], ["two_words", "hound"], ["sat", "seat"]]
EXCEPTIONS = {"run": ["ran"], "sit": ["sat", "set"], "leap": ["ran", "leapt"], "man": ["men"], "mouse": ["mice", "cats"]}
PIECES = ["Mr.", "No. 5", "No. x", "U.S.", "i.e.", "e.g", "x-y-z", "cat-dog", "don't", "'tis", "1,000", "a,b", "...", "``",
          "''", "-", "--", "\u2013", "\u201cbig\u201d", "\u2018s", "90's", "(", ")", "?", "big.", "cat.", "Cat", "5", "3.5",
          "\u00e9t\u00e9", "\u72ac", "great", "rest", "temple", "guy", "guys", "town", "towns", "snout", "few", "cups", "like",
          "looked", "seats", "mice", "leapt", "\u00a0", "\u3000", "caf\u00e9's", "o'clock.", "&", "v. dog", "v.", "..", "a.b", "Q'"]


def text_of(rng, words, low, high):
    return " ".join(rng.choice(words) for _ in range(rng.randint(low, high)))


def made_paraphrases(rng):
    words = FORMS[:24] + FUNCTION_WORDS[:5]
    pairs = [(text_of(rng, words, 1, 3), text_of(rng, words, 1, 4)) for _ in range(600)]
    return pairs + [(b, a) for a, b in pairs[::3]] + pairs[:20]


def write_source(rng, folder):
    def lines(name, texts):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    words = sorted({word for synset in SYNSETS for word in synset})
    numbers = {word: [f"{1000 + 77 * i:08}" for i, synset in enumerate(SYNSETS) if word in synset] for word in words}
    lines("function/english.words", FUNCTION_WORDS)
    lines("nonbreaking/english.prefixes", PREFIXES)
    lines("synonym/english.synsets", (line for word in words for line in (word, " ".join(numbers[word]))))
    lines("synonym/english.exceptions", (line for base, forms in EXCEPTIONS.items() for line in (base, " ".join(forms))))
    pairs = made_paraphrases(rng)
    (folder / "data").mkdir(exist_ok=True)
    text = "".join(f"0.5\n{phrase}\n{paraphrase}\n" for phrase, paraphrase in pairs)
    (folder / "data/paraphrase-en.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return pairs


def reworded(rng, text, pairs):
    for phrase, paraphrase in rng.sample(pairs, 60):
        if rng.random() < 0.7:
            text = f" {text} ".replace(f" {phrase} ", f" {paraphrase} ").strip()
    words = [rng.choice(FORMS) if rng.random() < 0.15 else word for word in text.split(" ")]
    i, j = sorted(rng.choices(range(len(words) + 1), k=2))
    return " ".join(words[:i] + words[i:j][::rng.choice((-1, 1))] + words[j:])


def ambiguous(rng, pairs):
    for _ in range(100):
        words = FORMS[:24] + FUNCTION_WORDS[:5] * 2 if rng.random() < 0.7 else FORMS + PIECES
        text = text_of(rng, words, 1, 16)
        yield text, [reworded(rng, text, pairs) for _ in range(rng.randint(1, 4))]
    equal = ("leap a leaps running of the is of of of is and running a a runs a of of a running leaps and and leap the is "
             "run the ran run the and leaped and leap leaped running") # other matches would lead the search astray
    yield equal, [equal]
    yield from [("a a a a b a a a", ["a b a a a b a a", "a"]), ("", ["cat"]), ("cat", [""]), ("...", ["...", ". . ."]),
                ("Mr. cat's big. dog", ["Mr. cat 's big. dog"]), ("u.s. v. us", ["US v. u.s."])]


# METEOR as its program computes it by what lies in `source`, or by equal words and equal stems alone.
def meteor(cases, source):
    jar = pathlib.Path(ptbtokenizer.__file__).parents[1] / "meteor/meteor-1.5.jar"
    with tempfile.TemporaryDirectory() as empty:
        (pathlib.Path(empty) / "nonbreaking").mkdir()
        for name in ("nonbreaking/english.prefixes", "words"):
            (pathlib.Path(empty) / name).write_text("")
        options = ["-s", f"{source}/function/english.words", "-d", f"{source}/synonym",
                   "-a", f"{source}/data/paraphrase-en.gz"] if source else ["-m", "exact stem", "-s", f"{empty}/words"]
        program = subprocess.Popen(["java", "-Xmx2G", "-cp", f"{source or empty}:{jar}", "Meteor", "-", "-", "-stdio",
                                    "-l", "en", "-norm", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, encoding="utf-8")
        def ask(line):
            program.stdin.write(line.replace("\n", " ") + "\n")
            program.stdin.flush()
            return program.stdout.readline().strip()
        statistics = [ask(" ||| ".join(["SCORE", *references, candidate])) for candidate, references in cases.values()]
        each = [float(ask(" ||| ".join(["EVAL", *statistics])))] + \
            [float(program.stdout.readline()) for _ in statistics[1:]]
        corpus = float(program.stdout.readline())
        program.stdin.close()
        program.wait()
    return corpus, each


def scores(cases, source):
    references, candidates = {i: c[1] for i, c in cases.items()}, {i: [c[0]] for i, c in cases.items()}
    bleu, each_bleu = Bleu(4).compute_score(references, candidates, verbose=0)
    rouge, each_rouge = Rouge().compute_score(references, candidates)
    cider, each_cider = Cider().compute_score(references, candidates)
    whole, each_meteor = meteor(cases, source)
    names = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR" if source else "METEOR-exact-stem", "ROUGE_L", "CIDEr"]
    each = [{"image_id": i, **dict(zip(names, map(float, row)))}
            for i, *row in zip(cases, *each_bleu, each_meteor, each_rouge, each_cider)]
    return dict(zip(names, map(float, [*bleu, whole, rouge, cider]))), each


def write(folder, name, value):
    (folder / name).write_text(json.dumps(value, indent=0, ensure_ascii=True) + "\n")


def write_set(rng, name, cases, tokens, source=None):
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
    corpus, each = scores(cases, source)
    golden = {"all": corpus, "each": each}
    for domain_name in DOMAINS:
        golden[domain_name] = scores({i: c for i, c in cases.items() if domain[i] == domain_name}, source)[0]
    assert all(math.isfinite(v) for v in corpus.values())
    write(folder, "golden.json", golden)


def main():
    rng = random.Random(3)
    write_set(rng, "none", [*EDGES, *made(rng)], lambda cases: cases)
    write_set(rng, "ptb", written(rng), tokenized)
    source = pathlib.Path(__file__).parent.resolve() / "captions/meteor/source"
    pairs = write_source(rng, source)
    write_set(rng, "meteor", ambiguous(rng, pairs), lambda cases: cases, source)


main()
