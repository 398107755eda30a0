#!/usr/bin/env bash
# Open Clip Art and Tux Paint, joined.
#   data/clipart/train, data/clipart/held-out
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"

./openclipart.sh
./tuxpaint.sh
for part in train held-out; do
    made clipart/$part ||
        coca-pack pack --from dataset openclipart/$part tuxpaint/$part --no-verify --to clipart/$part
done
