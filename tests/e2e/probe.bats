#!/usr/bin/env bats
# A stateful stage that no file but its own and its row of the table knows learns from the image encoder, through the scripts
# and processes of any run.

load tiny.bash

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir bin
    ln -s "$COCA_BIN"/* bin/
    ln -sf "$COCA_BIN"/../probe/* bin/
    export COCA_BIN=$PWD/bin
    tiny_model model.json
    tiny_labelled pictures.set 6
}

train() {
    "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name run --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data pictures.set --coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0 \
        --batch-size 16 --microbatch 4 --lr 1e-2 --lr-scheduler const --threads 1,1 "$@" 2>&1
}

# probe_loss LINE: of that step.
probe_loss() { sed -n "$1{s/.*\"probe_loss\": \([^,]*\),.*/\1/;p}" runs/run/metrics.jsonl; }

@test "a stage of a test's own is trained, saved, resumed and exported" {
    train --steps 30 --save-frequency 20 --ema-decay 0.5
    train --steps 60 --save-frequency 20 --ema-decay 0.5 --resume latest
    [ "$(wc -l <runs/run/metrics.jsonl)" -eq 60 ]
    awk -v first="$(probe_loss 1)" -v last="$(probe_loss 60)" 'BEGIN { print first, last; exit !(last < 0.5 * first) }'
    ls runs/run/checkpoints/step-60 | grep -q '^probe.optimizer.safetensors'
    [ "$(ls runs/run/checkpoints/step-60 | grep -c '^text')" -eq 0 ]
    grep -aq '"probe.weight"' runs/run/model/open_clip_model.safetensors
    grep -aq '"visual.conv1.weight"' runs/run/model/open_clip_model.safetensors
    [ -s runs/run/log/probe.log ] # started by the script, which names no stage
}
