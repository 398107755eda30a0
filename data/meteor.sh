#!/usr/bin/env bash
# What METEOR 1.5 knows of English, for `coca-score metrics`: it lies in pycocoevalcap's wheel (104 MB).
#   data/meteor/english.meteor (86 MB), and the licence of WordNet's words beside it
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"

[[ -e meteor/english.meteor ]] && exit
command -v pip3 >/dev/null || fetch python3-pip /usr/bin/pip3
mkdir -p meteor
folder=$(mktemp -d meteor/.made.XXXXXX)
trap 'rm -rf "$folder"' EXIT
pip3 download --quiet --disable-pip-version-check --no-deps --dest "$folder" pycocoevalcap==1.2 >&2
python3 -m zipfile -e "$folder"/*.whl "$folder"
wheel=$folder/pycocoevalcap/meteor
sha256sum --quiet --check >&2 <<END
1e57b4c72c0830ebe68558f1c799a624e96cbc1b6045c9f6330e26dcff6eafc2  $wheel/meteor-1.5.jar
c147ac7d2c91f2fbb3ad31e4b352235061eb83145e0434daf217ee9ca5975f48  $wheel/data/paraphrase-en.gz
END
python3 -m zipfile -e "$wheel/meteor-1.5.jar" "$wheel"
coca-score meteor-data --from "$wheel" --to meteor/english.meteor
mv "$wheel/synonym/COPYING.WORDNET" meteor/
