#!/usr/bin/env bash
# All of the default data; what is there already is kept. Says what each recipe took.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")"
for recipe in fashion-mnist openclipart tuxpaint clipart shown vocabulary; do
    start=$EPOCHREALTIME
    ./$recipe.sh
    awk -v name=$recipe -v start="$start" -v end="$EPOCHREALTIME" \
        'BEGIN { printf "%-14s %6.1f s\n", name, end - start }' >&2
done
