#!/usr/bin/env python3
"""Compares ids with open_clip's SimpleTokenizer on texts of every kind. Needs open_clip_torch 3.3.0 and its vocabulary
(data/clip-vocabulary.sh), and the program that `make build/bench/bench_tokenizer` builds.

    check_tokenizer.py PROGRAM VOCABULARY [COUNT [SEED]]       exit 1 when an id differs
"""
import collections
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "unit/text/clip"))
import texts  # noqa: E402
from open_clip.tokenizer import SimpleTokenizer  # noqa: E402

program, vocabulary = sys.argv[1:3]
count, seed = (int(text) for text in (sys.argv[3:5] + ["100000", "1"][len(sys.argv) - 3 :]))
tokenizer = SimpleTokenizer()
rows = texts.make(seed, count)
with tempfile.TemporaryDirectory() as folder:
    source, ids = Path(folder, "texts"), Path(folder, "ids")
    source.write_bytes(b"".join(struct.pack("<I", len(text)) + text for _, text in rows))
    print(subprocess.run([program, vocabulary, source, ids], check=True, capture_output=True, text=True).stdout, end="")
    data = ids.read_bytes()
at, shown = 0, 0
seen, wrong = collections.Counter(), collections.Counter()
for kind, text in rows:
    size = struct.unpack_from("<i", data, at)[0]
    ours = list(struct.unpack_from(f"<{size}i", data, at + 4))
    at += 4 + 4 * size
    theirs = [tokenizer.sot_token_id, *tokenizer.encode(text.decode("utf-8", "replace")), tokenizer.eot_token_id]
    # A text may spell the end itself; the program stops there.
    theirs = theirs[: theirs.index(tokenizer.eot_token_id) + 1]
    seen[kind] += 1
    if ours != theirs:
        wrong[kind] += 1
        shown += 1
        if shown <= 15:
            print(f"{kind}: {text.decode('utf-8', 'replace')!r}\n  ours   {tokenizer.decode(ours)!r}\n  theirs {tokenizer.decode(theirs)!r}")
for kind in sorted(seen):
    print(f"{kind:14} {seen[kind]:7} texts {wrong[kind]:6} differ")
print(f"{'all':14} {sum(seen.values()):7} texts {sum(wrong.values()):6} differ")
sys.exit(bool(wrong))
