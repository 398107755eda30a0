#!/usr/bin/env bash
# The pictures that the main job shows with their captions, none of them trained on: every 1,500th of Fashion-MNIST's test
# set and every 75th of the held-out clip-art.
#   data/shown
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"

# every K FROM TO
every() {
    coca-pack pack --from dataset "$2" --no-verify --hold-out "$1" --held-out-to "$3" --to "$3.rest"
}

made shown && exit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
every 1500 fashion-mnist/test "$work/labelled"
every 75 clipart/held-out "$work/captioned"
coca-pack pack --from dataset "$work/labelled" "$work/captioned" --no-verify --to shown
