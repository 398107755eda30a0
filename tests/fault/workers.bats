#!/usr/bin/env bats
# Stages that are killed: a worker comes back and nothing is lost; with --max-restarts 0 a stage with weights ends the run, which can
# be resumed. With restarts: heal.bats.

load fault.bash

setup_file() { fault_data; }
setup() { fault_setup; }
teardown() { fault_teardown; }

# survives WORKER: killed twice in mid-run, the run ends as if nothing had been.
survives() {
    train_in_background "killed-$1" --steps 600
    reaches "killed-$1" 20
    signal KILL "killed-$1" "$1.0"
    reaches "killed-$1" 60
    until signal KILL "killed-$1" "$1.0"; do
        kill -0 "$pid"
        sleep 0.02
    done
    leaves 0 120
    whole "killed-$1" 600
    grep "$1.0 was lost (exit 137) and is started again" "killed-$1.log"
    [[ -e runs/undisturbed ]] || train undisturbed --steps 600
    diff <(numbers_of undisturbed) <(numbers_of "killed-$1")
    cmp runs/undisturbed/model/open_clip_model.safetensors "runs/killed-$1/model/open_clip_model.safetensors"
}

@test "a decode worker is killed: the run goes on, nothing lost or doubled" {
    survives decode
}

@test "the only tokenize worker is killed: the run goes on, nothing lost or doubled" {
    survives tokenize
}

# ends_the_run STAGE: killed, the run ends promptly with 4 and all its processes leave; it goes on to the end when resumed.
ends_the_run() {
    train_in_background "$1" --steps $UNTIL_TOLD --save-frequency 10 --max-restarts 0
    reaches "$1" 25
    remember_stages "$1"
    signal KILL "$1" "$1"
    leaves 4 15
    grep -E "$1 was ended by signal 9|left with 4" "$1.log" # or of a stage that noticed first
    all_gone
    resumes "$1" 20
}

@test "image-encode is killed: the run ends with 4 and can be resumed" {
    ends_the_run image-encode
}

@test "text-decode is killed: the run ends with 4 and can be resumed" {
    ends_the_run text-decode
}

@test "loss is killed: the run ends with 4 and can be resumed" {
    ends_the_run loss
}

@test "workers that keep dying end the run with 4" {
    train_in_background hopeless --steps $UNTIL_TOLD
    reaches hopeless 3
    local i
    for ((i = 0; i < 200; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        if signal KILL hopeless decode.0; then echo "# killed"; fi
        sleep 0.1
    done
    leaves 4 15
    grep "more than 5 restarts in 60 s" hopeless.log
}
