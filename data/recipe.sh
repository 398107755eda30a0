# shellcheck shell=bash
# What the recipes share: source it. They work in data/, and find coca-pack in build/bin or on the PATH.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")"
PATH=$PWD/../build/bin:$PATH
export LC_ALL=C.UTF-8

# fetch PACKAGE FILE: installs a Debian package unless the file that is wanted of it is there.
fetch() {
    [[ -e $2 ]] && return
    local sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$1" >&2
    [[ -e $2 ]] || { echo "$1 is installed, but $2 is not there" >&2; return 1; }
}

# made DIR: whether a dataset is there already. Remove its folder to make it again.
made() { [[ -e $1/dataset.json ]]; }

# task_of_emoji TASK TRAIN TEST: TASK-like/train and TASK-like/test, of so many statements that emoji-tasks.pl makes.
task_of_emoji() {
    local part from count
    ./emoji.sh
    mkdir -p "$1-like"
    for part in test:held-out:$3 train:train:$2; do
        IFS=: read -r part from count <<<"$part"
        made "$1-like/$part" && continue
        perl emoji-tasks.pl "$1" "emoji/list/en.$from.tsv" "$count" 7 >"$1-like/$part.json"
        coca-pack pack --from lavis "$1-like/$part.json" --images-root emoji/list/png --to "$1-like/$part"
    done
}
