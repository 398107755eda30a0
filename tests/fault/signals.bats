#!/usr/bin/env bats
# Signals: the first is a clean drain with a checkpoint of the step begun, the second leaves at once. Steps that are not
# finite are skipped.

load fault.bash

setup_file() { fault_data; }
setup() { fault_setup; }
teardown() { fault_teardown; }

# drained NAME: the last step done is a checkpoint, nothing half written is left, and the run goes on from there.
drained() {
    [ "$(newest_checkpoint "$1")" -eq "$(steps_of "$1")" ]
    [ -z "$(find "runs/$1/checkpoints" -name '.step-*')" ]
    [ ! -e "runs/$1/model" ]
    resumes "$1" 5
}

# drains CODE SIGNAL NAME [STAGE]: a signal to that stage, or to the script.
drains() {
    local code=$1 signal=$2 name=$3 stage=${4:-}
    train_in_background "$name" --steps $UNTIL_TOLD
    reaches "$name" 5
    remember_stages "$name"
    if [[ $stage ]]; then signal "$signal" "$name" "$stage"; else kill -"$signal" "$pid"; fi
    leaves "$code" 15
    all_gone
    drained "$name"
}

@test "SIGTERM to the script: a checkpoint of the step begun, 143" {
    drains 143 TERM term
}

@test "SIGINT to the script: a checkpoint of the step begun, 130" {
    drains 130 INT int
}

@test "SIGTERM to loss drains the run" {
    drains 143 TERM to-loss loss
}

@test "SIGTERM to image-encode drains the run" {
    drains 143 TERM to-image image-encode
}

@test "SIGINT to text-decode drains the run" {
    drains 130 INT to-text text-decode
}

@test "SIGHUP to the script: a checkpoint of the step begun, 129" {
    drains 129 HUP hup
}

@test "SIGUSR1 to the script, Slurm's warning: a checkpoint of the step begun, 143" {
    drains 143 USR1 usr1
}

# below PID: every process that it started, and they did.
below() {
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child"
        below "$child"
    done
}

@test "SIGTERM to every process of the job at once, as from systemd and Slurm" {
    train_in_background all --steps $UNTIL_TOLD
    reaches all 5
    remember_stages all
    kill -TERM "$pid" $(below "$pid")
    leaves 143 15
    all_gone
    drained all
}

@test "the stages before the script" {
    train_in_background before --steps $UNTIL_TOLD
    reaches before 5
    remember_stages before
    kill -USR1 $stages_of_run "$pid"
    leaves 143 15
    all_gone
    drained before
}

@test "timeout(1), which signals its child and then the process group of both" {
    local TRAIN_ALONE=$TRAIN TRAIN=$PWD/within
    printf '#!/bin/sh\nexec timeout 1000 %q "$@"\n' "$TRAIN_ALONE" >within && chmod +x within
    train_in_background timeout --steps $UNTIL_TOLD
    reaches timeout 5
    remember_stages timeout
    kill -TERM "$pid"
    leaves 143 15
    all_gone
    TRAIN=$TRAIN_ALONE
    drained timeout
}

@test "Ctrl-C in a terminal: the whole job drains" {
    command -v script >/dev/null || skip "no script(1) for a terminal"
    local options
    run_options terminal --steps $UNTIL_TOLD
    mkfifo keys
    script -qec "$(printf '%q ' "$TRAIN" "${options[@]}")" /dev/null <keys >terminal.log 2>&1 3>&- &
    pid=$!
    exec 5>keys
    reaches terminal 5
    remember_stages terminal
    printf '\003' >&5
    leaves 130 15
    exec 5>&-
    all_gone
    drained terminal
}

@test "a second signal to the script leaves at once" {
    train_in_background second --steps $UNTIL_TOLD --save-frequency 5
    reaches second 12
    remember_stages second
    signal STOP second text-decode # the drain cannot end
    kill -TERM "$pid"
    sleep 1.1 # within a second it would be the same request
    kill -0 "$pid"
    kill -TERM "$pid"
    leaves 143 5
    all_gone
    resumes second 5
}

@test "a second signal to a stage: it leaves at once" {
    local stage
    train_in_background stage --steps $UNTIL_TOLD --save-frequency 5
    reaches stage 12
    remember_stages stage
    stage=$(<runs/stage/sockets/image-encode.pid)
    signal STOP stage text-decode
    signal TERM stage image-encode
    sleep 1.1
    kill -0 "$stage"
    signal TERM stage image-encode
    stages_of_run=$stage all_gone stage
    signal CONT stage text-decode
    leaves 143 15
    resumes stage 5
}

@test "SIGTERM to a worker alone does not matter" {
    train_in_background worker --steps 150
    reaches worker 20
    signal TERM worker decode.0
    signal TERM worker tokenize.0
    leaves 0 60
    whole worker 150
}

@test "the script is killed: all stages leave, and the run can be resumed" {
    train_in_background orphan --steps $UNTIL_TOLD --save-frequency 5
    reaches orphan 12
    remember_stages orphan
    kill -KILL "$pid"
    leaves 137 5
    all_gone orphan 15
    resumes orphan 5
}

@test "a step that is not finite is skipped, reported, and leaves the weights alone" {
    train healthy --steps 1
    # the row of a word that not all captions have
    poison runs/healthy/model/open_clip_model.safetensors text.token_embedding.weight 528 16 '\0\0\300\177'
    train poisoned --pretrained runs/healthy/model --steps 30 --batch-size 1 --microbatch 1 --max-skipped 1000 >poisoned.log
    whole poisoned 30
    grep '"skipped": true' runs/poisoned/metrics.jsonl >skipped
    grep -v '"skipped": true' runs/poisoned/metrics.jsonl >taken
    [ -s skipped ]
    [ -s taken ]
    refute grep -v '"loss": null' skipped
    refute grep null taken
    [ "$(grep -c 'step [0-9]* is skipped: .* is not finite' poisoned.log)" -eq "$(wc -l <skipped)" ]
    grep "step $(head -n 1 skipped | sed 's/.*"step": \([0-9]*\).*/\1/') is skipped" poisoned.log
}

@test "too many steps in a row that are not finite end the run with 1" {
    train hopeless --steps 1
    poison runs/hopeless/model/open_clip_model.safetensors visual.conv1.weight 0 16 '\0\0\300\177'
    run train given-up --pretrained runs/hopeless/model --steps 30 --max-skipped 3
    [ "$status" -eq 1 ]
    [[ $output == *"warning: "*"1 tensors hold numbers that are not finite"*"visual.conv1.weight first"* ]]
    grep 'warning: .*visual.conv1.weight first' runs/given-up/log/image-encode*.log
    [[ $output == *"3 steps in a row were not finite (--max-skipped)"* ]]
    [[ $output == *"step 0 is skipped: visual.conv1.weight is not finite"* ]]
    [ "$(grep -c '"skipped": true' runs/given-up/metrics.jsonl)" -eq 3 ]
}
