#!/usr/bin/env bats
# The same bits: twice, with more workers, across a kill and resume, with activations computed again. What may round
# differently agrees within rounding.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
WEIGHTS=model/open_clip_model.safetensors

# Two datasets, half of each batch from each, and the run that all others are held against.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    printf 'a picture of {}\nthe {}\n' >prompts.txt
    tiny_captioned captioned.set 7
    tiny_labelled labelled.set 5
    train whole --steps "$STEPS"
}

STEPS=24 # of most runs
setup() { cd "$BATS_FILE_TMPDIR" || return; }

# train NAME OPTION ...: a run of runs/; later options win.
train() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data captioned.set::labelled.set --prompts prompts.txt --batch-size 8 --microbatch 2 --lr 1e-2 \
        --lr-scheduler const --grad-clip-norm 1 --ema-decay 0.9 --precision fp32 --threads 2,2 --seed 5 \
        --rand-augment-layers 2 --rand-augment-magnitude 20 "$@" 2>&1
}

# What a run must repeat: every number of every step but the speed.
numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }

# same_run A B: the same losses, and the same final weights, averages and optimizer states.
same_run() {
    local file count=0
    diff <(numbers_of "$1") <(numbers_of "$2") && cmp "runs/$1/$WEIGHTS" "runs/$2/$WEIGHTS" || return
    for file in "runs/$1/checkpoints/step-$(numbers_of "$1" | wc -l)"/*.safetensors; do
        cmp "$file" "${file/$1/$2}" || return
        count=$((count + 1))
    done
    ((count == 9))
}

# recorded_ids FILE: the ids of a recorded edge, as bytes.
recorded_ids() { coca-tap export "$1" --tensor ids --out "$1.npy" && tail -c +129 "$1.npy" | od -An -v -w8 -td8; }

@test "two runs are alike" {
    train again --steps "$STEPS"
    [ "$(numbers_of whole | wc -l)" -eq "$STEPS" ]
    same_run whole again
    train other --steps "$STEPS" --seed 6 # or the comparison would prove nothing
    refute same_run whole other
}

@test "a ceiling of time is nothing to who keeps it, and ends who does not with a model" {
    train ceiling --steps "$STEPS" --max-seconds 1000
    same_run whole ceiling
    run train late --steps 100000000 --max-seconds 1 --lr-scheduler linear
    [ "$status" -eq 0 ] && [[ $output == *"--max-seconds 1 ended the run after "*" of its 100000000 steps"* ]]
    [ -s "runs/late/$WEIGHTS" ]
    tail -n 1 runs/late/metrics.jsonl | grep -Eq '"lr": (0|[0-9.]+e-|0\.00[01])' # of 0.01: all but at its end
    run train both --seconds 1 --max-seconds 1
    [ "$status" -eq 2 ]
}

# received RUN STAGE: bytes that it got over its sockets.
received() { tail -n 1 "runs/$1/log/$2.counters" | cut -f 9; }

@test "features in shared memory and in messages" {
    train frames --steps "$STEPS" --transport frames
    same_run whole frames
    (($(received frames text-decode) > $(received whole text-decode)))
    # Whoever records an edge gets what passes it.
    train recorded --steps "$STEPS" --record features=features.rec
    same_run whole recorded
    (($(coca-tap watch features.rec | grep -c features) >= STEPS))
}

@test "one decode worker, three and two tokenize workers" {
    train one --steps "$STEPS" --workers 1
    train three --steps "$STEPS" --workers 3 --tokenize-workers 2
    same_run whole one
    same_run whole three
}

@test "killed at a random step and resumed is never interrupted" {
    local steps=400 at=$((RANDOM % 100 + 20)) pid
    echo "# killed after step $at"
    train never --steps $steps --save-frequency 7
    set -m # a process group that can be killed at once
    train killed --steps $steps --save-frequency 7 >killed.log 3>&- &
    pid=$!
    set +m
    until (($(wc -l <runs/killed/metrics.jsonl 2>/dev/null || echo 0) >= at)); do
        kill -0 $pid # fails the test when the run ended early
        sleep 0.01
    done
    kill -KILL -- -$pid $(cat runs/killed/sockets/*.pid)
    wait $pid || true
    flock runs/killed/lock true # all are gone
    [ ! -e runs/killed/model ]
    (($(numbers_of killed | wc -l) < steps))
    train killed --steps $steps --save-frequency 7 --resume latest
    same_run never killed
}

@test "microbatchings of a batch see the same samples and agree within rounding" {
    local B
    for B in 1 2 8; do # with a small --eps Adam takes gradients for real that are zero but for rounding (of key biases)
        train "cut-$B" --steps 4 --eps 1e-3 --microbatch $B --record images=images-$B --record tokens=tokens-$B
        recorded_ids "images-$B" >"ids-$B"
        diff "ids-$B" <(recorded_ids "tokens-$B")
        diff ids-1 "ids-$B"
    done
    [ "$(wc -l <ids-1)" -eq 32 ]
    for B in 2 8; do
        coca-tap diff --tolerance 1e-4 "runs/cut-$B/$WEIGHTS" "runs/cut-1/$WEIGHTS"
        paste -d' ' <(numbers_of "cut-$B") <(numbers_of cut-1) | tr -d ',' | awk '
            { for (i = 2; i <= NF / 2; i += 2) {
                  a = $i; b = $(i + NF / 2); d = a - b
                  if (d * d > 1e-8 * b * b) { print $(i - 1), a, b; wrong = 1 } } }
            END { exit wrong || NR != 4 }'
    done
}

@test "sixteen microbatches with every window at its minimum" {
    train narrow --steps 3 --batch-size 16 --microbatch 1 --window 1 --workers 1 --tokenize-workers 1
    [ "$(numbers_of narrow | wc -l)" -eq 3 ]
}

@test "activations computed again have the same bits" {
    train recompute --steps "$STEPS" --recompute microbatch
    same_run whole recompute
}

@test "a run resumes only with its number of threads" {
    train threads --steps 2
    run train threads --steps 4 --resume latest --threads 1,1
    [ "$status" -eq 2 ]
    [[ $output == *"--threads is \"1,1\" and was \"2,2\""* ]]
    train threads --steps 4 --resume latest
    [ "$(numbers_of threads | wc -l)" -eq 4 ]
}
