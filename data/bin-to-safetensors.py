#!/usr/bin/env python3
"""Turns weights as torch.save wrote them into a safetensors file.

    data/bin-to-safetensors.py open_clip_pytorch_model.bin [open_clip_model.safetensors]

Older folders of open_clip's hold no other weights. The second name is by default open_clip_model.safetensors beside the
first. Checkpoints of open_clip's own training (a dictionary with "state_dict", names that begin with "module.") are
read too. Needs Python 3.8 and nothing else: the pickle is read by a reader that makes tensors and dictionaries and
refuses everything else, so a file from a stranger can run nothing.
"""
import collections
import io
import json
import os
import pathlib
import pickle
import struct
import sys
import zipfile

# storage class of torch: name in safetensors, bytes of an element
TYPES = {"FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
         "DoubleStorage": ("F64", 8), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4), "ByteStorage": ("U8", 1)}
BUFFERS = ("attn_mask", "position_ids")  # not weights; models make them anew
PIECE = 1 << 24  # bytes copied at once

Tensor = collections.namedtuple("Tensor", "storage type offset shape stride")


def tensor(storage, offset, shape, stride, *_):
    return Tensor(storage[0], storage[1], offset, shape, stride)


def parameter(data, *_):
    return data


class Reader(pickle.Unpickler):
    KNOWN = {("collections", "OrderedDict"): collections.OrderedDict,
             ("torch._utils", "_rebuild_tensor_v2"): tensor, ("torch._utils", "_rebuild_parameter"): parameter}

    def find_class(self, module, name):
        if module in ("torch", "torch.storage") and name in TYPES:
            return name
        if (module, name) in self.KNOWN:
            return self.KNOWN[module, name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of weights; load the file with torch and save its "
                                     "state_dict alone")

    def persistent_load(self, pid):
        kind, storage_type, key, _, _ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"a reference to {kind!r}")
        return key, storage_type


def contiguous(t):
    step = 1
    for size, stride in zip(reversed(t.shape), reversed(t.stride)):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def elements(t):
    count = 1
    for size in t.shape:
        count *= size
    return count


def weights_of(document):
    """name: Tensor, in the file's order."""
    state = document.get("state_dict", document)
    found = {}
    for name, value in state.items():
        name = name[len("module."):] if name.startswith("module.") else name
        if not isinstance(value, Tensor):
            sys.exit(f"{name}: not a tensor; is this a checkpoint of something else?")
        if name.rsplit(".", 1)[-1] in BUFFERS:
            print(f"{name}: left out", file=sys.stderr)
            continue
        if not contiguous(value):
            sys.exit(f"{name}: its elements do not lie in order; load the file with torch and save contiguous tensors")
        found[name] = value
    return found


def header_of(weights):
    entries, at = {"__metadata__": {"format": "pt"}}, 0
    for name, t in weights.items():
        dtype, size = TYPES[t.type]
        end = at + elements(t) * size
        entries[name] = {"dtype": dtype, "shape": list(t.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def copy(out, archive, folder, name, t):
    size = TYPES[t.type][1]
    left = elements(t) * size
    with archive.open(f"{folder}/data/{t.storage}") as data:
        data.seek(t.offset * size)
        while left:
            piece = data.read(min(left, PIECE))
            if not piece:
                sys.exit(f"{name}: the file ends before its last element")
            out.write(piece)
            left -= len(piece)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        sys.exit(0 if "-h" in sys.argv or "--help" in sys.argv else 2)
    source = pathlib.Path(sys.argv[1])
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else source.with_name("open_clip_model.safetensors")
    if not zipfile.is_zipfile(source):
        sys.exit(f"{source}: no file of torch.save's (PyTorch 1.6 or later)")
    with zipfile.ZipFile(source) as archive:
        table = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        folder = table.rsplit("/", 1)[0]
        if f"{folder}/byteorder" in archive.namelist() and archive.read(f"{folder}/byteorder") != b"little":
            sys.exit(f"{source}: written on a big-endian machine")
        try:
            weights = weights_of(Reader(io.BytesIO(archive.read(table))).load())
        except pickle.UnpicklingError as reason:
            sys.exit(f"{source}: {reason}")
        aside = target.with_name(target.name + ".tmp")
        with open(aside, "wb") as out:
            header = header_of(weights)
            out.write(struct.pack("<Q", len(header)) + header)
            for name, t in weights.items():
                copy(out, archive, folder, name, t)
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, target)
    print(f"{target}: {len(weights)} tensors, {sum(elements(t) for t in weights.values())} numbers", file=sys.stderr)


if __name__ == "__main__":
    main()
