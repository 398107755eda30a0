#!/usr/bin/env bash
# Open Clip Art as captioned pictures: PNG files, with captions from the metadata of the SVG files of the same names.
# Every tenth is held out.
#   data/openclipart/train, data/openclipart/held-out
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
pictures=/usr/share/openclipart/png
drawings=/usr/share/openclipart/svg

made openclipart/train && exit
fetch openclipart-png $pictures
fetch openclipart-svg $drawings
fetch xsltproc /usr/bin/xsltproc
mkdir -p openclipart
# Some drawings are not well-formed: they have no captions, and xsltproc's words about them help nobody.
{ find $drawings -name '*.svg' | sort | xargs xsltproc --novalid --nonet openclipart.xsl 2>/dev/null || true; } \
    >openclipart/metadata.tsv
awk -f openclipart.awk openclipart/metadata.tsv openclipart/metadata.tsv >openclipart/list.tsv
coca-pack pack --from csv openclipart/list.tsv --images-root $pictures --caption-key "title;description;keywords" \
    --max-pixels 4000000 --resize 96 --quality 95 \
    --replace --hold-out 10 --held-out-to openclipart/held-out --to openclipart/train
