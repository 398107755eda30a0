#!/usr/bin/env bash
# Shows that losses and weights do not depend on the number of ranks: a tiny model is trained for 50 steps of 4 microbatches by
# 1, 2 and 4 ranks of image-encode and 1 and 2 of text-decode, in f32 and bf16, with AdamW and Adafactor, with and without
# --recompute, under Open MPI and MPICH, and each run is compared with that of one rank, byte by byte.
#
#   tests/bench/show_replicas.sh [STEPS]
set -uo pipefail
BATS_TEST_DIRNAME=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../e2e
source "$BATS_TEST_DIRNAME/tiny.bash"
steps=${1:-50} wrong=0 compared=0
folder=$(mktemp -d) && cd "$folder" || exit
trap 'rm -rf "$folder"' EXIT

# train MPI NAME OPTION ...
train() {
    mkdir -p "$1" && printf '#!/bin/sh\nexec mpirun.%s "$@"\n' "$1" >"$1/mpirun" && chmod +x "$1/mpirun"
    rm -rf "runs/$2"
    PATH=$PWD/$1:$PATH "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name "$2" --runs runs --model model.json \
        --tokenizer "$TINY_VOCABULARY" --train-data captioned.set --batch-size 8 --microbatch 2 --lr 1e-2 --threads 1,1 \
        --grad-clip-norm 1 --ema-decay 0.9 --steps "$steps" "${@:3}" >log 2>&1 || { cat log; exit 1; }
}
losses() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
# compare A B: losses, weights, and every file of the last checkpoint.
compare() {
    local file
    cmp <(losses "$1") <(losses "$2") || return
    for file in "runs/$1/model/open_clip_model.safetensors" "runs/$1/checkpoints/step-$steps"/*.safetensors; do
        cmp "$file" "${file/$1/$2}" || return
    done
}

tiny_model model.json
tiny_captioned captioned.set 9 2>/dev/null
precisions=(fp32)
grep -q avx512_bf16 /proc/cpuinfo && precisions+=(bf16)
for precision in "${precisions[@]}"; do
    for optimizer in adamw adafactor; do
        for recompute in none microbatch; do
            options=(--precision "$precision" --optimizer "$optimizer" --recompute "$recompute")
            train openmpi one "${options[@]}"
            for replicas in 1,2 2,1 2,2 4,1 4,2; do
                for mpi in openmpi mpich; do
                    train "$mpi" many "${options[@]}" --replicas "$replicas"
                    verdict="the same"
                    compare one many || { verdict=DIFFERENT; wrong=$((wrong + 1)); }
                    compared=$((compared + 1))
                    printf '%-4s %-9s recompute %-10s %s ranks, %-7s  %s\n' "$precision" "$optimizer" "$recompute" "$replicas" "$mpi" "$verdict"
                done
            done
        done
    done
done
echo "$compared runs of $steps steps compared with one rank's, $wrong different"
((wrong == 0))
