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

# recorded CASE [OPTION ...]: a run of it whose head's edges are recorded; `alone` is options of a stage alone with the weights it began from.
recorded() {
    local case=$TASKS/$1
    alone=(--model runs/task/model.json --pretrained "${case%/*}/$(jq -r .head "$case.json").weights.safetensors"
        --task "$(jq -r .options.task "$case.json")" --microbatch 2 --batch-size 4 --steps 1 --precision fp32 --threads 1)
    tune "$case" 2 --record "states=$PWD/states.rec" --record "states-grad=$PWD/states-grad.rec" "${@:2}"
}

@test "a head alone, on recorded states: the run's loss, scores, gradients" {
    recorded paper/nlvr2
    coca-head "${alone[@]}" --labels file:labels.rec --states file:states.rec --scores file:scores.rec 2>words
    sed -n 's/.*head loss \([0-9.]*\) over 2 .*/\1/p' words |
        awk -v wanted="$(numbers_of loss dump/losses.json)" '{ sum += $1 } END { e = sum / NR / wanted - 1; exit !(NR == 2 && e * e < 1e-12) }'
    coca-tap export scores.rec --out scores.safetensors
    coca-tap import scores.safetensors --edge scores --microbatch 1 --out again.rec
    coca-tap export again.rec --out again.safetensors
    coca-tap diff scores.safetensors again.safetensors
    coca-tap export states.rec --out states.safetensors # of microbatches that have not equally many
    grep -aq '"states":{"dtype":"F32","shape":\[34,8\]' states.safetensors
    coca-head "${alone[@]}" --labels file:labels.rec --states file:states.rec --states-grad file:again.rec --dump alone --dump-step 0
    coca-tap diff again.rec states-grad.rec
    coca-tap diff alone/head.grads.safetensors dump/grads.safetensors --tensor=head.attn_pool.{query,attn.in_proj_weight} --tensor head.fc.weight
}

@test "an encoder alone, on a head's recorded gradients: the run's gradients" {
    recorded open_clip/video
    coca-image-encode "${alone[@]}" --frames 3 --images file:images.rec --states-grad file:states-grad.rec --dump alone --dump-step 0
    coca-tap diff alone/image.grads.safetensors dump/grads.safetensors --tensor=visual.{conv1.weight,class_embedding,ln_pre.bias}
}

@test "a text decoder alone, on a head's recorded gradients: the run's gradients" {
    recorded paper/vqa_captions --record "features=$PWD/features.rec" --record "features-grad=$PWD/features-grad.rec"
    coca-text-decode "${alone[@]}" --coca-caption-loss-weight 0.5 --tokens file:tokens.rec --features file:features.rec --states file:again.rec \
        --states-grad file:states-grad.rec --features-grad file:grad-again.rec --dump alone --dump-step 0
    coca-tap diff again.rec states.rec
    coca-tap diff grad-again.rec features-grad.rec
    coca-tap diff alone/text.grads.safetensors dump/grads.safetensors \
        --tensor=text.{token_embedding.weight,transformer.resblocks.0.ln_1.bias} --tensor text_decoder.text_projection
}
