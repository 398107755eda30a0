#!/usr/bin/env bash
# Noto's emoji as captioned pictures of 136 x 128 pixels: the English name, a British or Australian one where it differs, and
# the keywords. The class is one of Unicode's ten groups. Every tenth emoji is held out, with its skin tones and genders.
#   data/emoji/train, data/emoji/held-out; data/emoji/LANGUAGE/train, … with the names of another language (de fr ja zh ar hi)
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
font=/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf
emoji=/usr/share/unicode/emoji/emoji-test.txt
cldr=/usr/share/unicode/cldr/common
languages=(de fr ja zh ar hi)

made emoji/train && exit
fetch fonts-noto-color-emoji $font
fetch unicode-data $emoji
fetch unicode-cldr-core $cldr
mkdir -p emoji/list
perl emoji.pl $font $emoji $cldr emoji/list en "${languages[@]}"

# list LANGUAGE PART DIR
list() {
    made "$3" || coca-pack pack --from csv "emoji/list/$1.$2.tsv" --images-root emoji/list/png --to "$3" \
        --caption-key "name;other;keywords" --class-key group --class-names emoji/list/groups.txt
}
for language in "${languages[@]}"; do
    for part in held-out train; do list "$language" $part "emoji/$language/$part"; done
done
for part in held-out train; do list en $part emoji/$part; done
