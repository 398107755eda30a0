#!/usr/bin/env bats
# Heads through the real processes against PyTorch: losses and all gradients of a step of each task in tests/parity/tasks.

load tiny.bash
load ../parity/hold.bash
load ../parity/hold_tasks.bash
TASKS=$BATS_TEST_DIRNAME/../parity/tasks
TUNE=$BATS_TEST_DIRNAME/../../pipelines/tune.sh
PARITY_OPTIONS=(--threads 1,1)

setup() { cd "$(mktemp -d)"; }
teardown() { rm -rf "$PWD"; }

@test "one microbatch" { hold_tasks 4; }
@test "two microbatches" { hold_tasks 2; }
@test "two microbatches, activations computed again" { hold_tasks 2 --recompute microbatch; }
@test "microbatches of one sample, in messages" { hold_tasks 1 --transport frames; }

@test "frozen encoders: the head's gradients are the same" {
    for case in paper/nlvr2 paper/video open_clip/vqa_sigmoid open_clip/recognition; do
        rm -rf runs dump
        tune "$TASKS/$case" 2 --frozen
        compare_head "$TASKS/$case"
    done
}

@test "tokens of an answer that the head does not read change its gradients" {
    sed 's/"lengths":/"lengthz":/' "$TASKS/paper/vqa_captions.safetensors" >whole.safetensors
    cp "$TASKS/paper/"{model.json,labels.txt,text.weights.safetensors} .
    cp "$TASKS/paper/vqa_captions.json" whole.json
    tune "$PWD/whole" 2
    agree 1e-5 caption_loss dump/losses.json whole.json
    refute agree 1e-3 head_loss dump/losses.json whole.json
}
