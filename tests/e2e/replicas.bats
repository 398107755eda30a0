#!/usr/bin/env bats
# Ranks of a stage: the same bits for 1, 2 and 4 of them, under both kinds of MPI, across a resume with another number, and
# the numbers that fit.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
WEIGHTS=model/open_clip_model.safetensors
STEPS=50
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1


# The runs that all others are held against, of one rank each.
declare -gA OPTIONS=(
    [f32]='--precision fp32'
    [adafactor]='--precision fp32 --optimizer adafactor --recompute microbatch'
    [bf16]='--precision bf16 --lock-text'
)
grep -q avx512_bf16 /proc/cpuinfo || unset 'OPTIONS[bf16]'

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned captioned.set 9
    local kind
    for kind in "${!OPTIONS[@]}"; do train "$kind" ${OPTIONS[$kind]} --steps "$STEPS"; done
}
setup() {
    cd "$BATS_FILE_TMPDIR" || return
    rm -rf runs/many
    with openmpi
}

# with openmpi|mpich: its mpirun is the one that is found.
with() {
    [[ -e $COCA_BIN/../lib/coca_$1.so ]] || skip "this build has no $1"
    command -v "mpirun.$1" >/dev/null || skip "mpirun.$1 is not installed"
    mkdir -p "$1" && printf '#!/bin/sh\nexec mpirun.%s "$@"\n' "$1" >"$1/mpirun" && chmod +x "$1/mpirun"
    PATH=$PWD/$1:$PATH
}

# train NAME OPTION ...: a run of runs/; later options win.
train() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data captioned.set \
        --batch-size 8 --microbatch 2 --lr 1e-2 --lr-scheduler const --grad-clip-norm 1 --ema-decay 0.9 --threads 1,1 \
        --seed 5 "$@" 2>&1
}

numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
# same_run A B: the same losses, the same final weights, and the same checkpoint, file by file.
same_run() {
    local file count=0
    diff <(numbers_of "$1") <(numbers_of "$2") && cmp "runs/$1/$WEIGHTS" "runs/$2/$WEIGHTS" || return
    for file in "runs/$1/checkpoints/step-$STEPS"/*.safetensors; do
        cmp "$file" "${file/$1/$2}" || return
        count=$((count + 1))
    done
    ((count == 9))
}

# held KIND REPLICAS OPTION ...: such a run is the one of a single rank.
held() {
    rm -rf runs/many
    train many ${OPTIONS[$1]} --steps "$STEPS" --replicas "$2" "${@:3}" && same_run "$1" many
}

@test "one, two and four ranks of both encoders have the same bits" {
    for replicas in 2,1 1,2 4,2; do held f32 "$replicas"; done
    grep -h 'needs' runs/many/log/image-encode.log | wc -l | grep -qx 4 # each says its memory
}

@test "with Adafactor, and activations computed again" { held adafactor 2,2 && held adafactor 4,1; }

@test "in bf16, where masters stay with their owners" {
    [[ ${OPTIONS[bf16]:-} ]] || skip "this CPU has no bf16"
    held bf16 2,2 && held bf16 4,1
}

@test "under MPICH" {
    with mpich
    held f32 2,2
}

@test "features in messages" { held f32 2,4 --transport frames; }

@test "a dumped step is that of one rank" {
    for name in one many; do
        rm -rf "runs/$name"
        train "$name" ${OPTIONS[f32]} --steps 2 --dump "$PWD/dump-$name" --dump-step 1 \
            --replicas "$([[ $name == one ]] && echo 1 || echo 2,4)"
    done
    cmp dump-one/grads.safetensors dump-many/grads.safetensors
    cmp dump-one/outputs.safetensors dump-many/outputs.safetensors
    [[ $(ls -A dump-many | wc -l) == 3 ]]
}

@test "a run of two ranks is killed and goes on with four" {
    train many ${OPTIONS[f32]} --steps "$STEPS" --replicas 2,1 --save-frequency 5 &
    local job=$!
    eventually test -e runs/many/checkpoints/step-10
    pkill -9 -P "$job" coca-run || kill -9 "$job"
    wait "$job" || true
    train many --resume latest --replicas 4,2
    same_run f32 many
}

@test "three ranks of six microbatches: the same twice" {
    train third --batch-size 6 --microbatch 1 --precision fp32 --steps 12 --replicas 3
    train many --batch-size 6 --microbatch 1 --precision fp32 --steps 12 --replicas 3
    diff <(numbers_of third) <(numbers_of many) && cmp "runs/third/$WEIGHTS" "runs/many/$WEIGHTS"
}

@test "a chain of sums gives the promise up, and is the same twice" {
    train chained ${OPTIONS[f32]} --steps 12 --replicas 2 --gradient-sum chain
    train many ${OPTIONS[f32]} --steps 12 --replicas 2 --gradient-sum chain
    diff <(numbers_of chained) <(numbers_of many)
    refute diff <(numbers_of chained) <(numbers_of f32 | head -n 12)
}

@test "what does not fit is refused with what does" {
    run train many --replicas 3,1 --steps 5
    [ "$status" -eq 2 ] && [[ $output == *"--replicas 3,1"*"1, 2, 4 fit"* ]]
    run train many --replicas 0 --steps 5
    [ "$status" -eq 2 ] && [[ $output == *"--replicas 0"* ]]
}

@test "gradients of two ranks against the golden models" {
    PARITY=$BATS_TEST_DIRNAME/../parity
    PARITY_OPTIONS=(--replicas 2 --threads 1,1)
    source "$PARITY/hold.bash"
    hold 2
}
