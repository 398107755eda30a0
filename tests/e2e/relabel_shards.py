"""Shards of the pictures in pictures/, and what has become of them: for relabel.bats."""
import array
import base64
import gzip
import io
import json
import os
import struct
import sys
import tarfile


def pictures():
    return [open(f"pictures/{i:02d}.png", "rb").read() for i in range(9)]


def add(tar, name, data, number):
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode, info.uname = len(data), 1600000000 + number, 0o640, "somebody"
    tar.addfile(info, io.BytesIO(data))


def fields(key):
    return ('{"key":"%s", "width" : 10, "x":1.0,\n "big":12345678901234567890123, "s":"\\u00e9\\u0000", "l":[1,{"a":"}"}]}' % key).encode()


def make_tar(path, count, bad=False):
    with tarfile.open(path, "w:gz" if path.endswith("gz") else "w") as tar:
        for i, picture in ((i, pictures()[i % 9]) for i in range(count)):
            key = f"{i:05d}" if i != 4 else "a.folder/" + 120 * "k"
            if not (bad and i == 1):
                add(tar, key + ".PNG" if i == 6 else key + ".png", b"nonsense" if bad and i == 2 else picture, i)
            add(tar, key + ".txt", b"text", i)
            if i == 3:
                tar.addfile(tarfile.TarInfo("._hidden"))
            if bad and i == 3:
                add(tar, key + ".json", b'{"a"nonsense', i)
            elif i % 3 != 1:
                add(tar, key + ".json", fields(key), i)


def make_lines(path, count):
    with open(path, "w") as file:
        for i in range(count):
            file.write('{"filepath": "../pictures/%02d.png", "n": 1.50}\n' % i)


def make_base64(path, count):
    with gzip.open(path, "wt") as file:
        for i in range(count):
            text = base64.b64encode(pictures()[i]).decode()
            file.write(json.dumps({"id": i, "jpg": text} if i % 2 else {"image": "data:image/png;base64," + text}) + "\n")


def make_folder(path, count):
    os.mkdir(path)
    for i in range(count):
        open(f"{path}/{i:02d}.png", "wb").write(pictures()[i])
        open(f"{path}/{i:02d}.txt", "w").write(f"text {i}\n")
        if i % 2:
            open(f"{path}/{i:02d}.json", "w").write(json.dumps({"caption": f"from json {i}"}, indent=1))


def members(path):
    """name -> (header without what may change, bytes), in order"""
    with tarfile.open(path) as tar:
        infos = tar.getmembers()
        found = {m.name: ((m.mode, m.mtime, m.uname, m.uid, m.type), tar.extractfile(m).read() if m.isfile() else b"") for m in infos}
        assert len(found) == len(infos), path + " has a name twice"
        return found


def samples(path):
    """A relabelled shard's samples: JSON, image embedding, text embeddings."""
    if not path.endswith("tar"):
        return [(s, s["image_embedding"], s["text_embeddings"]) for s in map(json.loads, open(path))]
    found = members(path)
    keys = [name[:-5] for name in found if name.endswith(".json")]
    row = lambda name: read_npy(found[name][1])[0] if name in found else None
    return [(json.loads(found[k + ".json"][1]), row(k + ".image.npy"), row(k + ".text.npy")) for k in keys]


def read_npy(data):
    size = 10 + struct.unpack("<H", data[8:10])[0]
    shape = eval(data[10:size])["shape"]
    values = array.array("f", data[size:]).tolist()
    width = shape[-1]
    assert len(values) == width * (shape[0] if len(shape) > 1 else 1), shape
    return (values, shape) if len(shape) == 1 else ([values[i : i + width] for i in range(0, len(values), width)], shape)


def compare(before, after, captions=None):
    old, new = members(before), members(after)
    made = [name for name in new if name not in old]
    assert all(name.endswith((".json", ".image.npy", ".text.npy")) for name in made), made
    assert [name for name in new if name in old] == list(old)
    for name, (header, data) in old.items():
        assert new[name][0] == header, name
        if name.endswith(".json"):
            assert new[name][1].startswith(data[:-1] + b", \""), (data, new[name][1])
        else:
            assert new[name][1] == data, name
    order = list(new)
    for name in made:  # behind its sample's own members
        at = order.index(name)
        assert order[at - 1].split(".")[:-1][:2] and order[at - 1].startswith(name.split(".json")[0].split(".image")[0].split(".text")[0])
    if captions is not None:
        said = [json.loads(new[name][1])["syn_text"] for name in new if name.endswith(".json")]
        assert said == [[caption] for caption in captions.split("\n")], (said, captions)


def close(a, b):
    return len(a) == len(b) and all(abs(x - y) <= 1e-6 for x, y in zip(a, b))


def embeddings(path, images, texts):
    images, texts = read_npy(open(images, "rb").read())[0], read_npy(open(texts, "rb").read())[0]
    for i, (sample, image, text) in enumerate(samples(path)):
        n = len(text)
        assert n == 3 and close(image, images[i]), i
        for j in range(n):
            assert close(text[j], texts[i * n + j]), (i, j)
            cos = sum(x * y for x, y in zip(image, text[j]))
            assert abs(sample["clipscore"][j] - 2.5 * max(cos, 0)) < 1e-6, (i, j)


def filtered(whole, part, least):
    left_out = 0
    for (a, _, _), (b, _, _) in zip(samples(whole), samples(part)):
        kept = [(t, s) for t, s in zip(a["said"], a["clipscore"]) if s >= least]
        left_out += len(a["said"]) - len(kept)
        assert list(zip(b["syn_text"], b["clipscore"])) == kept, (a, b)
    assert left_out > 3
    assert json.load(open(part.replace(".tar", "_stats.json")))["filtered"] == left_out


def main(command, path, *rest):
    if command in ("tar", "lines", "base64", "folder"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    if command == "tar":
        make_tar(path, int(rest[0]), len(rest) > 1)
    elif command == "lines":
        make_lines(path, int(rest[0]))
    elif command == "base64":
        make_base64(path, int(rest[0]))
    elif command == "folder":
        make_folder(path, int(rest[0]))
    elif command == "compare":
        compare(path, *rest)
    elif command == "texts":
        for sample, _, _ in samples(path):
            print("\n".join(sample[rest[0]]))
    elif command == "embeddings":
        embeddings(path, *rest)
    elif command == "median":
        scores = sorted(s for sample, _, _ in samples(path) for s in sample["clipscore"])
        print(scores[len(scores) // 2])
    elif command == "filtered":
        filtered(path, rest[0], float(rest[1]))
    elif command == "untouched":
        old, new = members(path), members(rest[0])
        for key in rest[1:]:
            names = [name for name in old if name.startswith(key)]
            assert names and names == [name for name in new if name.startswith(key)], key
            assert all(old[name] == new[name] for name in names), key


main(*sys.argv[1:])
