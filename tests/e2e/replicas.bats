#!/usr/bin/env bats
# Ranks of a stage: the same bits for 1, 2 and 4 of them, under both kinds of MPI, across a resume with another number, and
# the numbers that fit.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
WEIGHTS=model/open_clip_model.safetensors
STEPS=50
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned captioned.set 9
    declare -A options=([f32]='--precision fp32' [adafactor]='--precision fp32 --optimizer adafactor --recompute microbatch')
    grep -q avx512_bf16 /proc/cpuinfo && options[bf16]='--precision bf16'
    local kind
    for kind in "${!options[@]}"; do train "one-$kind" ${options[$kind]} --steps "$STEPS"; done
}
setup() {
    cd "$BATS_FILE_TMPDIR" || return
    [[ -e $COCA_BIN/../lib/coca_openmpi.so ]] || skip "this build has no Open MPI"
}

train() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data captioned.set \
        --batch-size 8 --microbatch 2 --lr 1e-2 --lr-scheduler const --grad-clip-norm 1 --ema-decay 0.9 --threads 1,1 \
        --seed 5 "$@" 2>&1
}

numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
# same_run A B: the same losses, and the same final weights and checkpoint, file by file.
same_run() {
    local file
    diff <(numbers_of "$1") <(numbers_of "$2") && cmp "runs/$1/$WEIGHTS" "runs/$2/$WEIGHTS" || return
    for file in "runs/$1/checkpoints/step-$STEPS"/*; do
        [[ $file == */manifest.json ]] || cmp "$file" "${file/$1/$2}" || return
    done
}

@test "one, two and four ranks of both encoders have the same bits" {
    local replicas
    for replicas in 2,1 1,2 4,2; do
        rm -rf runs/many
        train many --precision fp32 --steps "$STEPS" --replicas "$replicas"
        same_run one-f32 many
    done
}
