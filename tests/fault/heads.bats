#!/usr/bin/env bats
# A head and its encoders killed in mid-run: each task goes on from its checkpoint to the bits of an undisturbed run. Steps that
# are not finite are skipped.

load fault.bash
load ../parity/hold_tasks.bash
TASKS=$BATS_TEST_DIRNAME/../parity/tasks
TUNE=$BATS_TEST_DIRNAME/../../pipelines/tune.sh
TRAIN=$TUNE # of fault.bash's runs

setup_file() {
    tiny_trained
    tiny_questions questions.set 12
}
setup() { fault_setup; }
teardown() { fault_teardown; }

# run_options NAME OPTION ...: as fault.bash has it, of the case or the questions.
run_options() {
    options=(--name "$1" --runs runs "${case_options[@]}" --batch-size 4 --microbatch 2 --lr 1e-3 --lr-scheduler const --precision fp32
        --threads 1,1 --seed 5 "${more[@]}" "${@:2}")
}
# take_case CASE OPTION ...: for runs that have these options too.
take_case() {
    local case=$TASKS/$1 model=$TASKS/${1%/*} edge
    case_options=(--model "$model/model.json" --pretrained "$model/$(jq -r .head "$case.json").weights.safetensors"
        --head-labels "$model/labels.txt" $(options_of "$case"))
    more=("${@:2}")
    for edge in $(edges_of "$case"); do
        coca-tap import "$case.safetensors" --edge "$edge" --microbatch 2 --steps 5000 --out "$edge.rec"
        case_options+=("--$edge" "file:$edge.rec")
    done
}

# goes_on STAGE: killed in mid-run and resumed, the run ends as an undisturbed one does: numbers, weights, averages, optimizer.
goes_on() {
    local steps file
    rm -rf runs/killed runs/undisturbed
    train_in_background killed --steps 5000 --save-frequency 2 --max-restarts 0
    reaches killed 5
    remember_stages killed
    signal KILL killed "$1"
    leaves 4 15
    all_gone
    steps=$(($(newest_checkpoint killed) + 3))
    resume killed --steps $steps
    train undisturbed --steps $steps
    diff <(numbers_of undisturbed) <(numbers_of killed)
    for file in runs/undisturbed/checkpoints/step-$steps/*.safetensors; do cmp "$file" "runs/killed/checkpoints/step-$steps/${file##*/}"; done
    cmp runs/undisturbed/model/open_clip_model.safetensors runs/killed/model/open_clip_model.safetensors
}

@test "recognition: the head is killed" {
    take_case paper/recognition --ema-decay 0.9
    goes_on head
}

@test "video: the image encoder is killed, under Adafactor" {
    take_case open_clip/video --optimizer adafactor --encoder-lr 1e-4 --ema-decay 0.9
    goes_on image-encode
}

@test "vqa with captions beside: the text decoder is killed" {
    take_case open_clip/vqa_captions --ema-decay 0.9 --recompute microbatch
    goes_on text-decode
}

@test "snli-ve: the conductor is killed, under Adafactor" {
    take_case paper/snli_ve --optimizer adafactor --grad-clip-norm 0.5
    goes_on loss
}

@test "nlvr2: the head is killed, the encoders are frozen" {
    take_case paper/nlvr2 --frozen --ema-decay 0.9
    goes_on head
}

# take_questions MODEL OPTION ...: for runs that learn answers, of workers.
take_questions() {
    case_options=(--task vqa --pretrained "$1" --train-data questions.set --head-labels answers.txt)
    more=("${@:2}")
}

@test "the only worker of labels is killed: the run goes on, nothing lost or doubled" {
    take_questions runs/made/model
    train_in_background survivor --steps 400
    reaches survivor 20
    signal KILL survivor label.0
    leaves 0 60
    whole survivor 400
    grep 'label.0 was lost (exit 137) and is started again' survivor.log
    train alone --steps 400
    diff <(numbers_of alone) <(numbers_of survivor)
    cmp runs/alone/model/open_clip_model.safetensors runs/survivor/model/open_clip_model.safetensors
}

@test "a step that is not finite is skipped, reported, and leaves the weights alone" {
    cp -r runs/made/model poisoned.model
    # the row of a word that not all questions have
    poison poisoned.model/open_clip_model.safetensors text.token_embedding.weight 176 16 '\0\0\300\177'
    take_questions poisoned.model --batch-size 1 --microbatch 1 --max-skipped 1000 --ema-decay 0.9
    train poisoned --steps 24 >poisoned.log
    whole poisoned 24
    grep '"skipped": true' runs/poisoned/metrics.jsonl >skipped
    grep -v '"skipped": true' runs/poisoned/metrics.jsonl >taken
    [ -s skipped ]
    [ -s taken ]
    refute grep -v '"loss": null' skipped
    refute grep '"loss": null' taken
    [ "$(grep -c 'step [0-9]* is skipped: .* is not finite' poisoned.log)" -eq "$(wc -l <skipped)" ]
    [ "$(tail -n 1 taken | jq .step)" -gt "$(head -n 1 skipped | jq .step)" ]
}
