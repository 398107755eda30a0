#!/usr/bin/env bash
# Lists the records of a dataset that show what those of others show, by a model's embeddings of their pictures.
#
#   pipelines/dedup.sh --run RUN|--pretrained DIR --data DIR [--against DIR[::DIR...]] [options]
#
# --against: test sets, say; without it within DIR, where the first of each group stays. --similarity S (0.95) of embeddings that
# are near; --out FILE: the list, which coca-pack pack --exclude takes (stdout without it); --html PAGE: pairs of pictures side by
# side, those nearest to S first, --pairs N (100). --keep FOLDER: the embeddings, own.npy and against.npy, which stay there.
# --replicas N and all else (--precision, --device, …) as embed.sh. `coca-pack dedup` alone finds exact copies and pictures that
# were encoded anew or made smaller, without a model. Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 a stage lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/supervise.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

paths+='|keep'
read_options "$@"
data='' against='' keep='' words=()
take_value data data
take_value against against
take_value keep keep
# Each part of A::B from the root, as the stages work elsewhere.
rest=$against against=''
while [[ $rest ]]; do
    part=${rest%%::*}
    [[ $rest == *::* ]] && rest=${rest#*::} || rest=''
    against+=${against:+::}$(realpath -m -- "$part")
done
take words 'similarity|out|html|pairs'
[[ $data ]] || fail 2 "--data DIR is needed: the dataset"
((!${#operands[@]})) || fail 2 "unexpected argument '${operands[0]}'"
if [[ ! $keep ]]; then
    keep=$(mktemp -d "${TMPDIR:-/tmp}/cocaflow-dedup.XXXXXX") || exit 1
    trap 'rm -rf "$keep"' EXIT
fi
mkdir -p "$keep" || exit 1

# embed NAME DIRS: rows of zeros are pictures that could not be read, which coca-pack counts.
embed() {
    local status=0
    "$COCA_HOME/pipelines/embed.sh" "${options[@]}" "${job_options[@]}" --data "$2" --out "$keep/$1.npy" || status=$?
    ((!status || status == 3)) && [[ -s $keep/$1.npy ]] || exit "$status"
}
embed own "$data"
words+=(--embeddings "$keep/own.npy")
if [[ $against ]]; then
    embed against "$against"
    words+=(--against "$against" --against-embeddings "$keep/against.npy")
fi
coca-pack dedup "$data" "${words[@]}"
