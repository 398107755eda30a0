#!/usr/bin/env bash
# Captions, image embeddings and training steps of coca_ViT-B-32 with random weights against open_clip's own on the same
# cores in the same run, each at its best precision; our captions and embeddings with --weights int8. Exits 1 below a limit.
# COCA_ISA=v3 holds both sides to AVX2.
#
#   tests/bench/bench_open_clip.sh [greedy|beams|samples|image|train|start ...]      all of them
#
# Sets up its own virtual environment in $VENV (build/open_clip_venv), which takes PyTorch from PyPI; without a network it is
# skipped with a note. Takes about ten minutes. Meaningful on an idle machine only.
#
# Our rate is that of the whole chain between processes: what more pictures take longer, so starting is not counted;
# `start` measures that: from caption.sh with one picture to its caption.
set -uo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." || exit 1
build=${BUILD:-build}
[[ $build == /* ]] || build=$PWD/$build
export COCA_BIN=$build/bin
venv=${VENV:-$build/open_clip_venv} work=${WORK:-$build/open_clip_bench}
declare -A limit=([greedy]=20 [beams]=40 [samples]=12 [several]=1.6 [image]=1.4 [train-fp32]=2 [train-bf16]=2.5)
below=0
precisions=(fp32)
[[ ${COCA_ISA-} == v[23] ]] || { grep -qw avx512_bf16 /proc/cpuinfo && precisions+=(bf16) limit[samples]=25; }
[[ ${COCA_ISA-} != v3 ]] || export ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2

set_up() {
    [[ -e $venv/ok ]] && return
    python3 -m venv "$venv" && "$venv/bin/pip" install -q torch==2.13.0 open_clip_torch==3.3.0 transformers==4.49.0 safetensors \
        pillow && touch "$venv/ok"
}
make_model() {
    [[ -e $work/model/tokenizer ]] && return
    "$venv/bin/python" tests/bench/bench_open_clip.py make "$work" 2>/dev/null || return
    cp "$venv"/lib/python3*/site-packages/open_clip/bpe_simple_vocab_16e6.txt.gz "$work/model/tokenizer"
    for picture in "$work"/pictures/*.jpg; do echo 'a picture of noise and of many words that fill a caption' >"${picture%.jpg}.txt"; done
    coca-pack pack --from folder "$work/pictures" --to "$work/data.set" >/dev/null
}

theirs() { "$venv/bin/python" tests/bench/bench_open_clip.py "$1" "$work" "$2" 2>/dev/null; }
# best_of_theirs WHAT -> rate
best_of_theirs() { for p in "${precisions[@]}"; do theirs "$1" "$p"; done | sort -g | tail -n 1; }

given=(--pretrained "$work/model" --tokenizer "$work/model/tokenizer")
best=(--precision "${precisions[-1]}" --weights int8 --threads 2)
seconds() { local begun=$EPOCHREALTIME; "$@" >/dev/null 2>"$work/words" || { cat "$work/words" >&2; exit 1; }; awk "BEGIN { print $EPOCHREALTIME - $begun }"; }
# rate FEW MANY COMMAND ...: pictures a second, from what MANY take longer than FEW; the command takes paths on stdin.
rate() {
    local few=$1 many=$2 short long
    shift 2
    short=$(for ((i = 0; i < few / 64 + 1; i++)); do ls "$work"/pictures/*.jpg; done | head -n "$few" | seconds "$@")
    long=$(for ((i = 0; i < many / 64 + 1; i++)); do ls "$work"/pictures/*.jpg; done | head -n "$many" | seconds "$@")
    awk "BEGIN { printf \"%.3f\n\", ($many - $few) / ($long - $short) }"
}
captions=(pipelines/caption.sh "${given[@]}" "${best[@]}" --microbatch 8 --max-length 30 --min-length 29 --max-wait 10000)

# verdict NAME OURS THEIRS [WHAT THEIRS IS]
verdict() {
    local ratio
    ratio=$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")
    printf '%-12s %10.3f/s   %s %8.3f/s   %6s times (limit %s)\n' "$1" "$2" "${4-open_clip}" "$3" "$ratio" "${limit[$1]}"
    awk "BEGIN { exit !($ratio < ${limit[$1]}) }" && below=1
}
greedy() { verdict greedy "$(rate 8 64 "${captions[@]}")" "$(best_of_theirs greedy)"; }
beams() {
    verdict beams "$(rate 8 64 "${captions[@]}" --num-beams 6 --num-beam-groups 3)" "$(theirs beams "${BEAMS_PRECISION:-fp32}")"
}
# Five captions drawn of each picture: against as many calls of open_clip, and against ours of one (bench_relabel.sh says what to
# expect of that).
samples() {
    local drawn=("${captions[@]}" --sample --top-p 0.9) one five
    one=$(rate 8 64 "${drawn[@]}")
    five=$(awk "BEGIN { print 5 * $(rate 8 64 "${drawn[@]}" --num-captions 5) }")
    verdict samples "$five" "$(best_of_theirs samples)"
    verdict several "$five" "$one" 'one a picture'
}
image() {
    verdict image "$(rate 32 352 pipelines/embed.sh "${given[@]}" "${best[@]}" --microbatch 32 --out "$work/rows.npy")" \
        "$(best_of_theirs image)"
}
train() {
    local p
    for p in "${precisions[@]}"; do
        rm -rf "$work/runs"
        pipelines/train.sh --runs "$work/runs" --name bench --model "$work/model/open_clip_config.json" \
            --tokenizer "$work/model/tokenizer" --train-data "$work/data.set" --batch-size 16 --microbatch 16 --steps 8 \
            --precision "$p" --threads 2,2 >"$work/words" 2>&1 || { tail "$work/words" >&2; exit 1; }
        verdict "train-$p" "$(sed 's/.*"samples_per_second": \([0-9.e+]*\).*/\1/' "$work/runs/bench/metrics.jsonl" | tail -n 6 |
            awk '{ s += 1 / $1 } END { print NR / s / 16 }')" "$(theirs train "$p")"
    done
}
start() {
    local least=1000 time
    for _ in 1 2 3; do
        time=$(seconds pipelines/caption.sh "${given[@]}" "${best[@]}" --max-length 30 --min-length 29 "$work/pictures/00.jpg")
        least=$(awk "BEGIN { print $time < $least ? $time : $least }")
    done
    printf 'start        %10.2f s from the command to a caption of 30 tokens (limit 2)\n' "$least"
    awk "BEGIN { exit !($least >= 2) }" && below=1
}

mkdir -p "$work"
PATH=$COCA_BIN:$PATH
set_up || { echo "skipped: no virtual environment with PyTorch and open_clip can be made here"; exit 0; }
make_model || { echo "open_clip's model cannot be made" >&2; exit 1; }
(($#)) || set -- greedy beams samples image train start
for what in "$@"; do "$what"; done
exit "$below"
