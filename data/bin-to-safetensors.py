#!/usr/bin/env python3
"""Turns weights as torch.save wrote them into safetensors, and with a configuration into a folder for --pretrained.

    data/bin-to-safetensors.py WEIGHTS                            beside it, as open_clip_model.safetensors
    data/bin-to-safetensors.py WEIGHTS FILE.safetensors
    data/bin-to-safetensors.py WEIGHTS FOLDER --config CONFIG     FOLDER is what --pretrained takes

WEIGHTS is a .bin, .pt or .pth file: the state_dict of an open_clip model, or a checkpoint of its training that holds
one (under "state_dict", "model" …). "module." and "_orig_mod.", which wrappers of PyTorch's put into names, are taken
out. CONFIG is open_clip's model configuration, alone or under "model_cfg", or the name of a preset of data/models;
without --config, open_clip_config.json or config.json beside WEIGHTS. Its context_length must be what the position
table of the weights has. A vocabulary beside WEIGHTS comes along.

Needs Python 3.8 and nothing else: the pickle is read by a reader that makes tensors and dictionaries, and of everything
else a thing without any code, so a file from a stranger can run nothing. Exit codes: 0 done, 1 cannot be written,
2 usage, 3 bad weights or configuration.
"""
import argparse
import collections
import io
import itertools
import json
import math
import os
import pathlib
import pickle
import shutil
import struct
import sys
import zipfile

# storage class of torch: name in safetensors, bytes of an element
TYPES = {"FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
         "DoubleStorage": ("F64", 8), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4), "ShortStorage": ("I16", 2),
         "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1), "BoolStorage": ("BOOL", 1)}
BUFFERS = ("attn_mask", "position_ids")  # not weights; models make them anew
WRAPPERS = ("module", "_orig_mod")  # DistributedDataParallel's, torch.compile's
STATES = ("state_dict", "model_state_dict", "model", "module", "net")  # where checkpoints have the weights
VOCABULARIES = ("tokenizer.model", "tokenizer.json", "vocab.json", "merges.txt", "bpe_simple_vocab_16e6.txt.gz")
PRESETS = pathlib.Path(__file__).resolve().parent / "models"
PIECE = 1 << 24  # bytes copied at once

Tensor = collections.namedtuple("Tensor", "storage type offset shape stride")


def bad(text, code=3):
    print(f"bin-to-safetensors.py: {text}", file=sys.stderr)
    sys.exit(code)


# ---- the pickle

class Foreign:
    """Stands for an object of any other class: options, schedules, counters. It takes what it is told, for nothing."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def __init__(self, *_, **__):
        pass

    def ignore(self, *_, **__):
        return self

    __call__ = __setstate__ = __setitem__ = append = extend = add = update = ignore


def tensor(storage, offset, shape, stride, *_):
    return Tensor(storage[0], storage[1], offset, tuple(shape), tuple(stride))


def parameter(data, *_):
    return data


class Reader(pickle.Unpickler):
    KNOWN = {("collections", "OrderedDict"): collections.OrderedDict, ("torch", "Size"): tuple,
             ("torch._utils", "_rebuild_tensor_v2"): tensor, ("torch._utils", "_rebuild_parameter"): parameter}

    def find_class(self, module, name):
        if module in ("torch", "torch.storage") and name in TYPES:
            return name
        return self.KNOWN.get((module, name)) or type(name, (Foreign,), {})

    def persistent_load(self, pid):
        kind, storage_type, key, _, _ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"a reference to {kind!r}")
        return key, storage_type


# ---- names

def is_state(value):
    return isinstance(value, dict) and any(isinstance(v, Tensor) for v in value.values())


def state_of(document):
    """The dictionary of tensors, which a checkpoint has under some key."""
    if not isinstance(document, dict):
        bad("no dictionary of tensors; load the file with torch and save its state_dict alone")
    if is_state(document):
        return document
    keys = [key for key in (*STATES, *document) if is_state(document.get(key))]
    if not keys:
        bad(f"no state_dict among {', '.join(str(k) for k in document)}; load the file with torch and save it alone")
    print(f"weights under \"{keys[0]}\"", file=sys.stderr)
    return document[keys[0]]


def weights_of(document):
    """name: Tensor, in the file's order."""
    found, wrapped = {}, 0
    for name, value in state_of(document).items():
        words = [word for word in str(name).split(".") if word not in WRAPPERS]
        wrapped += len(words) <= str(name).count(".")
        bare = ".".join(words)
        if not isinstance(value, Tensor):
            bad(f"{name}: not a tensor; is this a checkpoint of something else?")
        if value.type not in TYPES:
            bad(f"{name}: its type is not known here; load the file with torch and save float tensors")
        if words[-1:] and words[-1] in BUFFERS:
            print(f"{name}: left out", file=sys.stderr)
        elif bare in found:
            bad(f"{name}: two tensors are {bare} without {' and '.join(WRAPPERS)}; keep one of them")
        else:
            found[bare] = value
    if wrapped:
        print(f"{' and '.join(WRAPPERS)} taken off {wrapped} names", file=sys.stderr)
    return found


# ---- the configuration

def read_json(path):
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except ValueError as reason:
        bad(f"{path}: {reason}")


def model_of(document):
    """The model in a file of either layout, or None."""
    model = document.get("model_cfg", document) if isinstance(document, dict) else None
    return model if isinstance(model, dict) and isinstance(model.get("text_cfg"), dict) else None


def find_config(said, source):
    """Its path, or None when there is none. A config.json may be that of another library."""
    if said is None:
        beside = [source.with_name("open_clip_config.json"), source.with_name("config.json")]
        return next((path for path in beside if path.is_file() and model_of(read_json(path))), None)
    path = pathlib.Path(said)
    preset = PRESETS / f"{said}.json"
    if not path.is_file() and not preset.is_file():
        bad(f"--config {said}: no such file, and no preset in {PRESETS}", 2)
    return path if path.is_file() else preset


def read_config(path):
    document = read_json(path)
    if not model_of(document):
        bad(f"{path}: no model configuration of open_clip's: it has no text_cfg")
    return {"model_cfg": model_of(document), "preprocess_cfg": document.get("preprocess_cfg") or {}}


def check_context(hub, weights, path):
    """The position table has a row for each place of a caption and one for CLS."""
    text, table = hub["model_cfg"]["text_cfg"], weights.get("text.positional_embedding")
    if table is None:
        bad("no text.positional_embedding among the weights: is this a CoCa of open_clip's?")
    context = table.shape[0] - 1
    if text.setdefault("context_length", context) != context:
        bad(f"text.positional_embedding has {table.shape[0]} rows, those of context_length {context} and one for CLS, "
            f"but text_cfg.context_length is {text['context_length']} in {path}; give these weights' configuration")


# ---- files

def contiguous(t):
    step = 1
    for size, stride in zip(reversed(t.shape), reversed(t.stride)):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def header_of(weights):
    entries, at = {"__metadata__": {"format": "pt"}}, 0
    for name, t in weights.items():
        dtype, size = TYPES[t.type]
        end = at + math.prod(t.shape) * size
        entries[name] = {"dtype": dtype, "shape": list(t.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def copy(out, data, name, size, offset, count):
    data.seek(offset * size)
    left = count * size
    while left:
        piece = data.read(min(left, PIECE))
        if not piece:
            bad(f"{name}: the file ends before its last element")
        out.write(piece)
        left -= len(piece)


def copy_in_order(out, data, name, size, t):
    """Of elements that lie in another order than the shape's, such as channels_last."""
    last = sum((n - 1) * stride for n, stride in zip(t.shape, t.stride))
    held = io.BytesIO()
    copy(held, data, name, size, t.offset, last + 1)
    held = held.getbuffer()
    for place in itertools.product(*(range(0, n * stride, stride) if stride else [0] * n
                                     for n, stride in zip(t.shape, t.stride))):
        at = sum(place) * size
        out.write(held[at:at + size])


def write_weights(target, weights, archive, folder):
    aside = target.with_name(target.name + ".tmp")
    with open(aside, "wb") as out:
        header = header_of(weights)
        out.write(struct.pack("<Q", len(header)) + header)
        for name, t in weights.items():
            size, count = TYPES[t.type][1], math.prod(t.shape)
            with archive.open(f"{folder}/data/{t.storage}") as data:
                if contiguous(t) or not count:
                    copy(out, data, name, size, t.offset, count)
                else:
                    copy_in_order(out, data, name, size, t)
        out.flush()
        os.fsync(out.fileno())
    os.replace(aside, target)
    numbers = sum(math.prod(t.shape) for t in weights.values())
    print(f"{target}: {len(weights)} tensors, {numbers} numbers", file=sys.stderr)


def write_neighbours(target, source, hub):
    """The configuration last: who finds it in a folder takes the rest for whole."""
    for name in VOCABULARIES:
        if source.with_name(name).is_file() and source.parent.resolve() != target.parent.resolve():
            shutil.copyfile(source.with_name(name), target.with_name(name))
    path = target.with_name("open_clip_config.json")
    aside = path.with_name(path.name + ".tmp")
    aside.write_text(json.dumps(hub, indent=2) + "\n")
    os.replace(aside, path)


def read_document(archive, source):
    """What was pickled, and the folder within the archive."""
    table = next((n for n in archive.namelist() if n.endswith("/data.pkl")), None)
    if table is None:
        bad(f"{source}: no data.pkl within; no file of torch.save's")
    folder = table.rsplit("/", 1)[0]
    if f"{folder}/byteorder" in archive.namelist() and archive.read(f"{folder}/byteorder") != b"little":
        bad(f"{source}: written on a big-endian machine")
    try:
        return Reader(io.BytesIO(archive.read(table))).load(), folder
    except Exception as reason:  # a damaged pickle fails in any way
        bad(f"{source}: its pickle cannot be read: {reason}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", metavar="WEIGHTS", type=pathlib.Path)
    parser.add_argument("target", metavar="FILE.safetensors|FOLDER", type=pathlib.Path, nargs="?")
    parser.add_argument("--config", metavar="CONFIG", help="open_clip's model configuration, or a preset's name")
    return parser.parse_args()


def convert(source, target, said):
    is_file = target is None or target.suffix == ".safetensors"
    target = target or source.with_name("open_clip_model.safetensors")
    target = target if is_file else target / "open_clip_model.safetensors"
    path = find_config(said, source)
    if path is None and not is_file:
        bad("a folder needs --config, the model's configuration", 2)
    hub = read_config(path) if path else None
    if not source.is_file():
        bad(f"{source}: no such file", 2)
    if not zipfile.is_zipfile(source):
        bad(f"{source}: no file of torch.save's (PyTorch 1.6 or later)")
    with zipfile.ZipFile(source) as archive:
        document, folder = read_document(archive, source)
        weights = weights_of(document)
        if hub:
            check_context(hub, weights, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_weights(target, weights, archive, folder)
    if hub:
        write_neighbours(target, source, hub)


def main():
    given = arguments()
    try:
        convert(given.weights, given.target, given.config)
    except (OSError, zipfile.BadZipFile, KeyError) as reason:
        bad(f"{given.weights}: {reason}", 3 if isinstance(reason, (zipfile.BadZipFile, KeyError)) else 1)


if __name__ == "__main__":
    main()
