#!/usr/bin/env bash
# CLIP's byte-pair vocabulary, for LAION's models and others made with open_clip: it lies in open_clip_torch's wheel.
#   data/vocabulary/bpe_simple_vocab_16e6.txt.gz
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
name=bpe_simple_vocab_16e6.txt.gz
sum=924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a

[[ -e vocabulary/$name ]] && exit
command -v pip3 >/dev/null || fetch python3-pip /usr/bin/pip3
mkdir -p vocabulary
folder=$(mktemp -d vocabulary/.clip.XXXXXX)
trap 'rm -rf "$folder"' EXIT
pip3 download --quiet --disable-pip-version-check --no-deps --dest "$folder" open_clip_torch==3.3.0 >&2
python3 -m zipfile -e "$folder"/*.whl "$folder"
sha256sum --quiet --check <<<"$sum  $folder/open_clip/$name" >&2
mv "$folder/open_clip/$name" "vocabulary/$name"
