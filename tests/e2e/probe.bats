#!/usr/bin/env bats
# A stateful stage known only to its own file and its row of the table learns, through the scripts of any run.

load tiny.bash

setup() {
    cd "$BATS_TEST_TMPDIR" && mkdir bin || return
    ln -s "$COCA_BIN"/* bin/ && ln -sf "$COCA_BIN"/../probe/* bin/
    export COCA_BIN=$PWD/bin
    tiny_model model.json
    tiny_labelled pictures.set 6
}

train() {
    "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name run --runs runs --model model.json --train-data pictures.set \
        --tokenizer "$TINY_VOCABULARY" --coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0 \
        --batch-size 16 --microbatch 4 --lr 1e-2 --lr-scheduler const --threads 1,1 --save-frequency 20 "$@" 2>&1
}

@test "a stage of a test's own is started, trained, saved, resumed and exported" {
    train --steps 30
    train --steps 60 --resume latest
    sed 's/.*"probe_loss": \([^,]*\),.*/\1/' runs/run/metrics.jsonl | awk '
        NR == 1 { first = $1 } { last = $1 } END { print first, last; exit !(NR == 60 && last < first / 2) }'
    [[ $(cd runs/run/checkpoints/step-60 && echo *) == *probe.optimizer.safetensors*probe.safetensors* ]]
    grep -aq '"probe.weight".*"visual.conv1.weight"\|"visual.conv1.weight".*"probe.weight"' runs/run/model/*.safetensors
}
