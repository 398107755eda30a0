#!/usr/bin/env bash
# The stamps of Tux Paint as captioned pictures: PNG files, each with a text file whose first line is English.
# Every tenth is held out.
#   data/tuxpaint/train, data/tuxpaint/held-out
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
stamps=/usr/share/tuxpaint/stamps

made tuxpaint/train && exit
fetch tuxpaint-stamps-default $stamps
coca-pack pack --from folder $stamps --caption-lines first --max-pixels 4000000 --resize 96 --quality 95 \
    --replace --hold-out 10 --held-out-to tuxpaint/held-out --to tuxpaint/train
