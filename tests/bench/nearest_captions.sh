#!/usr/bin/env bash
# Captions of held-out pictures judged beside those of their nearest training pictures, which know no grammar to get wrong: what
# a captioner has to beat.
#
#   tests/bench/nearest_captions.sh MODEL TRAIN HELD-OUT [options of eval.sh: --num-beams N, --precision bf16, …]
#
# MODEL is what --pretrained takes, TRAIN and HELD-OUT are datasets with captions: data/emoji.sh makes such, data/meteor.sh what
# METEOR needs. A line for each: Bleu_4, METEOR, ROUGE_L and CIDEr, times 100. Needs jq.
set -euo pipefail
home=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../..
PATH=$home/build/bin:$PATH
[[ $# -ge 3 && $1 != --help ]] || { sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
model=$1 train=$2 held_out=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

line() { jq -r --arg of "$1" '.metrics // . | [$of, (.Bleu_4, .METEOR, .ROUGE_L, .CIDEr | if . == null then "-" else . * 1000 | round / 10 end)] | @tsv'; }
captions() { coca-pack show "$1" "$2" | jq -c --argjson id "$3" ".captions[$4] | {image_id: \$id, caption: .}"; }

for part in "$train" "$held_out"; do
    "$home/pipelines/embed.sh" --pretrained "$model" --data "$part" --out "$work/${part##*/}.npy" 2>/dev/null
done
coca-score neighbours --queries "$work/${held_out##*/}.npy" --keys "$work/${train##*/}.npy" >"$work/nearest"
while read -r query key _; do
    captions "$held_out" "$query" "$query" '' >>"$work/references"
    captions "$train" "$key" "$query" 0 >>"$work/found"
done <"$work/nearest"
jq -s '{images: [.[].image_id] | unique | map({id: .}), annotations: .}' "$work/references" >"$work/references.json"
jq -s . "$work/found" >"$work/found.json"

printf 'captions of\tBleu_4\tMETEOR\tROUGE_L\tCIDEr\n'
"$home/pipelines/eval.sh" --pretrained "$model" --caption "$held_out" --metrics "$@" 2>/dev/null | sed -n 1p | line 'the model'
coca-score metrics --references "$work/references.json" --results "$work/found.json" 2>/dev/null | line 'the nearest'
