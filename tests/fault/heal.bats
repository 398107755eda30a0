#!/usr/bin/env bats
# Runs that lose a process and go on by themselves: whatever was lost, their numbers and weights are those of an undisturbed run.

load fault.bash
STEPS=500

setup_file() {
    fault_data
    train quiet --steps $STEPS --save-frequency 50
}
setup() { fault_setup; }
teardown() {
    fault_teardown
    rm -rf memory
}

# disturbed NAME OPTION ...: in the background.
disturbed() { train_in_background "$1" --steps $STEPS --save-frequency 50 --max-restarts 9 "${@:2}"; }
# kill_at STEP SIGNAL NAME PROCESS: once so many steps are done, and the process is there (again).
kill_at() {
    reaches "$3" "$1"
    eventually signal "$2" "$3" "$4"
}
# same_as_quiet NAME
same_as_quiet() {
    local file
    diff <(numbers_of quiet) <(numbers_of "$1")
    for file in runs/quiet/checkpoints/step-$STEPS/*.safetensors; do cmp "$file" "runs/$1/checkpoints/step-$STEPS/${file##*/}"; done
    cmp runs/quiet/model/open_clip_model.safetensors "runs/$1/model/open_clip_model.safetensors"
}
incidents_of() { jq -c "$2" "runs/$1/incidents.jsonl"; }

@test "each stage with weights and the loss are killed: the run goes on, the same bits" {
    disturbed killed
    kill_at 60 KILL killed image-encode
    kill_at 160 KILL killed text-decode
    kill_at 260 KILL killed loss
    leaves 0 60
    same_as_quiet killed
    [ "$(incidents_of killed '[.how, .restarts, .generation]' | tr '\n' ' ')" = '["signal 9",1,1] ["signal 9",2,2] ["signal 9",3,3] ' ]
    [ "$(incidents_of killed 'select(.reached < .back or .back % 50 != 0 or .up <= 0 or .regained < .up)')" = '' ]
    [ "$(incidents_of killed .lost | tr '\n' ' ')" = '"image-encode" "text-decode" "loss" ' ]
    [ "$(grep -c 'lost .* (signal 9) at step .*; back at step .* in .* s' killed.log)" -eq 3 ]
    [ ! -e runs/killed/incident.json ]
    [ "$(jq .start.generation runs/killed/run.json)" -eq 3 ]
}

@test "a stage that is frozen is found, and the run goes on" {
    disturbed frozen
    kill_at 120 STOP frozen text-decode
    leaves 0 60
    same_as_quiet frozen
    [ "$(incidents_of frozen '[.lost, .how]')" = '["text-decode","frozen"]' ]
    grep 'text-decode stands still' frozen.log
}

@test "a loss before the first checkpoint: from the beginning" {
    train_in_background early --steps $STEPS --save-frequency 400
    kill_at 20 KILL early image-encode
    leaves 0 60
    [ "$(incidents_of early .back)" -eq 0 ]
    diff <(numbers_of quiet) <(numbers_of early)
}

@test "checkpoints in memory cost a step; they go with the run" {
    disturbed memory --checkpoint-memory 1 --checkpoint-memory-dir "$PWD/memory"
    reaches memory 60
    [ "$(readlink runs/memory/checkpoints/memory)" = "$PWD/memory/cocaflow-$(jq -r .start.id runs/memory/run.json)" ]
    kill_at 70 KILL memory loss
    kill_at 120 KILL memory image-encode
    leaves 0 60
    same_as_quiet memory
    [ "$(incidents_of memory 'select(.reached - .back > 2)')" = '' ]
    [ "$(ls memory | wc -l)" -eq 0 ]
    [ ! -e runs/memory/checkpoints/memory ]
}

@test "coca-run is killed: --resume latest takes what is in memory" {
    disturbed orphan --checkpoint-memory 1 --checkpoint-memory-dir "$PWD/memory"
    reaches orphan 70
    kill -KILL "$pid"
    leaves 137 5
    flock -w 20 runs/orphan/lock true # the supervisor ends the job
    resume orphan
    [[ $(jq -r .start.checkpoint runs/orphan/run.json) == checkpoints/memory/step-* ]]
    same_as_quiet orphan
}

@test "beyond --max-restarts the run ends with 4, and --resume latest goes on" {
    disturbed limited --max-restarts 1
    kill_at 60 KILL limited text-decode
    kill_at 120 KILL limited image-encode
    leaves 4 15
    grep 'more than 1 starts of the job in 600 s' limited.log
    resume limited
    same_as_quiet limited
    [ "$(incidents_of limited .restarts | tr '\n' ' ')" = '1 0 ' ]
}

@test "a rank of a stage is killed, then its launcher" {
    [[ -e $COCA_BIN/../lib/coca_openmpi.so ]] && command -v mpirun.openmpi || skip "there is no Open MPI"
    local launcher
    mkdir -p openmpi && printf '#!/bin/sh\nexec mpirun.openmpi "$@"\n' >openmpi/mpirun && chmod +x openmpi/mpirun
    PATH=$PWD/openmpi:$PATH disturbed ranks --replicas 2,1
    reaches ranks 60
    launcher=$(<runs/ranks/sockets/image-encode.pid)
    kill -KILL "$(pgrep -P "$launcher" coca | tail -n 1)"
    until [[ $(cat runs/ranks/sockets/image-encode.pid 2>/dev/null || echo "$launcher") != "$launcher" ]]; do sleep 0.05; done
    stages_of_run=$launcher all_gone
    kill_at 160 KILL ranks image-encode
    leaves 0 60
    same_as_quiet ranks
    [ "$(incidents_of ranks .lost | wc -l)" -eq 2 ]
}

@test "chaos, the short form" {
    run "$BATS_TEST_DIRNAME/chaos.sh" --incidents 5 --seed 3 --checkpoint-memory 7
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"5 incidents"*"the same numbers and weights"* ]]
}

@test "a host is cut off for longer than the heartbeat, and comes back" {
    local why
    load ../e2e/namespaces.bash
    if why=$(ns_missing); then skip "$why"; fi
    run "$BATS_TEST_DIRNAME/chaos.sh" --incidents 1 --seed 5 --hosts 1
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"host b is cut off for 5 s"*"the same numbers and weights"* ]]
}
