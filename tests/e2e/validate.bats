#!/usr/bin/env bats
# Checkpoints are evaluated beside training, and the evaluation does not outlive the job.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh

setup() {
    tiny_setup
    tiny_captioned data.set 9
    train=("$TRAIN" --name run --runs . --model model.json --tokenizer "$TINY_VOCABULARY" --train-data data.set --val-data data.set
        --batch-size 6 --microbatch 3 --lr 1e-3 --precision fp32 --threads 1,1 --seed 3)
    pid=''
}
teardown() {
    [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true
    tiny_teardown
}
evaluated() { grep -c "\"step\": $1\b" run/results.json; }
# Of the job and of its evaluations, whose directories are below this one.
processes() { pgrep -f "$PWD/(run|cocaflow)"; }

@test "validation: the last checkpoint is evaluated, after training at the latest" {
    "${train[@]}" --steps 6 --save-frequency 2 --val-frequency 2 3>&-
    [ "$(evaluated 6)" -eq 2 ] # losses and recall
    [ ! -e run/validate ]
    grep 'retrieval' run/log/validate.log
    [ -z "$(ls -d cocaflow.* 2>/dev/null)" ]
    "${train[@]}" --steps 8 --save-frequency 2 --val-frequency 2 --resume latest 3>&-
    [ "$(evaluated 8)" -eq 2 ]
}

@test "validation ends with the job: asked, failed, killed" {
    local how
    for how in TERM stage KILL; do
        rm -rf run
        "${train[@]}" --steps 1000000 --save-frequency 20 --val-frequency 20 --max-restarts 0 >words 2>&1 3>&- &
        pid=$!
        eventually test -s run/log/validate.log
        case $how in
            TERM) kill -TERM "$pid" ;;
            stage) kill -KILL "$(<run/sockets/text-decode.pid)" ;;
            KILL) kill -KILL "$pid" ;;
        esac
        code=0
        wait "$pid" || code=$?
        pid=''
        cat words
        case $how in
            TERM) [ "$code" -eq 143 ] ;;
            stage) [ "$code" -eq 4 ] ;;
            KILL) [ "$code" -eq 137 ] ;;
        esac
        gone() { ! processes; }
        eventually gone
    done
}
