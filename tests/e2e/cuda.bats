#!/usr/bin/env bats
# The real processes with the CUDA backend: on a GPU, or in the sanitizers' build with its sources on the CPU
# (tests/cuda/device.h).

load tiny.bash
load ../parity/hold.bash
load ../parity/hold_tasks.bash
PARITY=$BATS_TEST_DIRNAME/../parity
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
TASKS=$BATS_TEST_DIRNAME/../parity/tasks
TUNE=$BATS_TEST_DIRNAME/../../pipelines/tune.sh

setup() {
    cd "$(mktemp -d)"
    export COCA_CUDA_CACHE=$PWD/choices
    local object=$COCA_BIN/../lib/coca_cuda.so
    [[ -e $object ]] || skip "the build has no CUDA backend: nvcc was not found"
    grep -q stand_in "$object" || [[ -e /dev/nvidiactl ]] || skip "there is no GPU"
}
teardown() { rm -rf "$PWD"; }

@test "golden models on one GPU" {
    PARITY_OPTIONS=(--device cuda:0)
    hold 2
}

@test "golden models on two GPUs" {
    PARITY_OPTIONS=(--device cuda:0,cuda:1)
    hold 1
}

@test "golden models, image on the GPU and text on the CPU" {
    PARITY_OPTIONS=(--device cuda:0,cpu --threads 1,1)
    hold 2
}

@test "golden steps of tasks on one GPU" {
    PARITY_OPTIONS=(--device cuda:0)
    hold_tasks 2
}

@test "golden steps of tasks, the head on a GPU of its own" {
    PARITY_OPTIONS=(--device cuda:0,cpu,cuda:1 --threads 1,1)
    hold_tasks 1
}

# tiny_run NAME OPTION ...: a step on a GPU.
tiny_run() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data data.set --batch-size 8 \
        --microbatch 4 --lr 1e-2 --lr-scheduler const --steps 3 --device cuda:0 "$@" 2>&1
}
# near TOLERANCE RUN OTHER STEPS: the losses of both, which have so many steps.
near() {
    paste <(losses_of "$2" | sed 's/.*: *//') <(losses_of "$3" | sed 's/.*: *//') |
        awk -v tolerance="$1" -v steps="$4" '{ e = ($1 - $2) / $2; if (e < 0) e = -e; if (!(e <= tolerance)) { print e; wrong = 1 } }
            END { exit wrong || NR != steps }'
}
losses_of() { grep -o '"loss": *[^,}]*' "runs/$1/metrics.jsonl"; }

@test "two runs, features in messages, activations computed again: the same bits" {
    tiny_model model.json
    tiny_captioned data.set 8
    tiny_run one
    tiny_run two
    tiny_run frames --transport frames
    tiny_run recompute --recompute microbatch
    for run in two frames recompute; do
        diff <(losses_of one) <(losses_of $run)
        cmp runs/one/model/open_clip_model.safetensors runs/$run/model/open_clip_model.safetensors
    done
}

@test "two ranks of each encoder on one GPU have the bits of one" {
    [[ -e $COCA_BIN/../lib/coca_openmpi.so ]] && command -v mpirun || skip "there is no Open MPI"
    tiny_model model.json
    tiny_captioned data.set 8
    tiny_run one --grad-clip-norm 1
    tiny_run two --grad-clip-norm 1 --replicas 2
    diff <(losses_of one) <(losses_of two)
    cmp runs/one/model/open_clip_model.safetensors runs/two/model/open_clip_model.safetensors
}

# count STAGE COLUMN STEPS: of what the stand-in counted in the run of so many steps.
count() { awk -v stage="$1" -v column="$2" '$1 == stage { print $column }' "counts.$3"; }

@test "more steps allocate no more, and launch graphs" {
    grep -q stand_in "$COCA_BIN/../lib/coca_cuda.so" || skip "a real GPU does not count"
    tiny_model model.json
    tiny_captioned data.set 8
    tiny_run trials --steps 2 # of algorithms, whose choice is kept
    for steps in 4 8; do STAND_IN_COUNTS=$PWD/counts.$steps tiny_run r$steps --steps $steps; done
    for stage in coca-image-encode coca-text-decode coca-loss; do
        [ "$(count $stage 2 4)" -eq "$(count $stage 2 8)" ]
    done
    # two passes of two microbatches; of text three, now and then in a shape that is new
    [ "$(($(count coca-image-encode 4 8) - $(count coca-image-encode 4 4)))" -eq 16 ]
    [ "$(($(count coca-text-decode 4 8) - $(count coca-text-decode 4 4)))" -ge 16 ]
}

@test "a checkpoint moves between backends" {
    tiny_model model.json
    tiny_captioned data.set 8
    tiny_run whole --steps 6 --save-frequency 3
    tiny_run moved --steps 3
    tiny_run moved --steps 6 --resume latest --device cpu
    near 1e-4 moved whole 6
}

# tiny_tune NAME OPTION ...: three steps of a task on a GPU, from a model that was trained on a CPU.
tiny_tune() {
    "$TUNE" --name "$1" --runs runs --pretrained runs/made/model --batch-size 8 --microbatch 4 --lr 1e-2 --lr-scheduler const \
        --steps 3 --device cuda:0 --threads 1,1 --save-frequency 2 "${@:2}" 2>&1
}

@test "tasks on a GPU, in bf16 and resumed there, are those of a CPU" {
    BATS_FILE_TMPDIR=$PWD tiny_trained
    tiny_labelled classes.set 8
    tiny_questions questions.set 8
    local classes=(--task recognition --train-data classes.set --head-labels classes.txt --label-smoothing 0.1)
    local questions=(--task vqa --co-caption --train-data questions.set --head-labels answers.txt)
    tiny_tune classes "${classes[@]}"
    tiny_tune classes-cpu "${classes[@]}" --device cpu
    near 1e-4 classes classes-cpu 3
    tiny_tune classes-bf16 "${classes[@]}" --precision bf16
    near 2e-2 classes-bf16 classes-cpu 3
    tiny_tune questions "${questions[@]}"
    tiny_tune questions-cpu "${questions[@]}" --device cpu
    near 1e-4 questions questions-cpu 3
    tiny_tune questions-bf16 "${questions[@]}" --precision bf16 --recompute microbatch
    near 2e-2 questions-bf16 questions-cpu 3
    rm -r runs/questions/checkpoints/step-3
    tiny_tune questions --resume latest # with its own task and weights
    near 1e-4 questions questions-cpu 3
}

@test "captions on a GPU are those on a CPU" {
    tiny_model model.json
    tiny_captioned data.set 8
    tiny_run made --device cpu
    for device in cpu cuda:0; do
        "$BATS_TEST_DIRNAME/../../pipelines/caption.sh" --pretrained runs/made/model --microbatch 3 --device $device captioned/*.png >$device.tsv
    done
    [ "$(wc -l <cpu.tsv)" -eq "$(ls captioned/*.png | wc -l)" ]
    cmp cpu.tsv cuda:0.tsv
}

@test "a GPU with too little free memory is refused before the start, with what fits" {
    grep -q stand_in "$COCA_BIN/../lib/coca_cuda.so" || skip "a real GPU's memory cannot be chosen"
    tiny_model model.json
    tiny_captioned data.set 8
    run env STAND_IN_MIB=100 "$TRAIN" --name small --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data data.set --batch-size 8 --steps 3 --device cuda:0
    [ "$status" -eq 2 ]
    [[ $output == *"that its GPU has free"*"choose a smaller --model"* ]]
}
