#!/usr/bin/env python3
"""Index files of a tar as others write them, from Python's own reading of it.

shard_indexes.py dali|dali1|energon|webshart|webshart-list TAR OUT [NAME=CAPTION ...]
"""
import json, random, struct, sys, tarfile

kind, tar, out, *captions = sys.argv[1:]
with tarfile.open(tar) as file:
    members = [member for member in file if member.isreg()]
    end = file.offset
samples = []
for member in members:
    folder, _, base = member.name.rpartition("/")
    key, _, suffix = base.partition(".")
    if not key:
        continue
    if not samples or samples[-1][0] != (folder, key):
        samples.append(((folder, key), []))
    samples[-1][1].append((suffix, member))
if kind.startswith("dali"):
    named = kind == "dali"
    with open(out, "w") as file:
        file.write(f"v1.{2 if named else 1} {len(samples)}\n")
        for _, parts in samples:
            file.write(" ".join(f"{s} {m.offset_data} {m.size}" + (f" {m.name}" if named else "") for s, m in parts) + "\n")
elif kind == "energon":
    with open(out, "wb") as file:
        file.write(b"".join(struct.pack("<Q", parts[0][1].offset) for _, parts in samples) + struct.pack("<Q", end))
else:
    given = dict(caption.split("=") for caption in captions)
    files = [(m.name, {"offset": m.offset_data, "length": m.size}) for m in members]
    for name, entry in files:
        if name in given:
            entry["captions"] = given[name].split("|")
    random.Random(5).shuffle(files)
    rows = dict(files) if kind == "webshart" else [{"filename": n, "offset": e["offset"], "size": e["length"]} for n, e in files]
    json.dump({"path": tar, "filesize": end, "files": rows}, open(out, "w"))
