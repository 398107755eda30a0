#!/usr/bin/env bats
# Runs over hosts, of which the conductor's address alone is given: the same bits as on one host, with keys, and with workers that
# were pasted into a shell elsewhere.

load tiny.bash
load namespaces.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
STEPS=80 # long enough for who comes late

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned data.set 9
    coca-tap keys keys
    train plain
}
setup() { cd "$BATS_FILE_TMPDIR" || return; }
teardown() {
    ns_down
    [[ -z ${worker-} ]] || kill -9 "$worker" 2>/dev/null || true
    [[ -z ${job-} ]] || kill -9 "$job" 2>/dev/null || true
}

# train NAME OPTION ...: later options win. on_a: the same on host a.
options=(--runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data data.set --batch-size 6 --microbatch 3
    --steps "$STEPS" --lr 1e-2 --precision fp32 --threads 1,1 --seed 3 --workers 1)
train() { "$TRAIN" --name "$1" "${options[@]}" "${@:2}" 2>&1; }
on_a() { ns_run a "$TRAIN" --name "$1" "${options[@]}" --control tcp://a:7000 --keys keys "${@:2}" 2>&1; }
numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
same_run() {
    [ "$(numbers_of "$1" | wc -l)" -eq "$STEPS" ]
    diff <(numbers_of "$1") <(numbers_of "$2")
    cmp "runs/$1/model/open_clip_model.safetensors" "runs/$2/model/open_clip_model.safetensors"
}
# sent FILE: messages that the processes of these counters sent.
sent() { awk '{ n += $8 } END { print n + 0 }' "$1"; }
free_port() { # nobody listens there
    local port
    for ((port = 20000 + RANDOM % 12000; ; port++)); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port && return; }; done
}

@test "over tcp with keys, and a worker elsewhere that knows the conductor's address alone" {
    local control line
    control=tcp://127.0.0.1:$(free_port)
    line=$("$TRAIN" --name hosts --control "$control" --keys keys --print-worker decode 2>note)
    [[ $line == "coca-decode --control $control --keys $PWD/keys" ]]
    grep -q 'run hosts' note
    mkdir -p elsewhere temporary
    (cd elsewhere && TMPDIR=$BATS_FILE_TMPDIR/temporary eval "exec $line --window 1 --counters counters") >worker.log 2>&1 3>&- &
    worker=$!
    train hosts --control "$control" --keys keys --window 1
    wait "$worker" || { cat worker.log; false; }
    worker=''
    same_run plain hosts
    (($(sent elsewhere/counters) > 3)) # it did its share: beside its greetings there were units
    [ -z "$(ls temporary)" ]           # of the files that it was sent nothing is left
    [ "$(ls elsewhere)" = counters ]
}

# received RUN STAGE: bytes that it got over its sockets.
received() { tail -n 1 "runs/$1/log/$2.counters" | cut -f 9; }

@test "a job that lost a stage starts again, and the worker elsewhere goes on with it" {
    local control
    control=tcp://127.0.0.1:$(free_port)
    mkdir -p follower
    (cd follower && exec coca-decode --control "$control" --window 1 --counters counters) >worker.log 2>&1 3>&- &
    worker=$!
    train again --control "$control" --window 1 --save-frequency 10 >again.log 3>&- &
    job=$!
    until (($(wc -l 2>/dev/null <runs/again/metrics.jsonl || echo 0) > 20)); do kill -0 "$job" && sleep 0.02; done
    kill -9 "$(<runs/again/sockets/image-encode.pid)"
    wait "$job" || { cat again.log; false; }
    job=''
    grep -q 'the job starts again' again.log
    wait "$worker" || { cat worker.log; false; }
    worker=''
    same_run plain again
}

# hosts_up: hosts a, b, c, and `on HOST COMMAND ...`, as ssh would be; or skips.
hosts_up() {
    local why
    if why=$(ns_missing); then skip "$why"; fi
    ns_up a b c
    ns_script on
    printf '#!/bin/sh\nhost=$1\nshift\nexec "%s" "$host" sh -c "$*"\n' "$PWD/on" >rsh # as ssh: a line for a shell
    chmod +x rsh
}

@test "three hosts: image-encode and loss on a, text-decode on b, workers on c" {
    hosts_up
    # Between hosts tensors travel in messages, on one host in shared memory.
    on_a spread --launch-text "$PWD/on b" --launch-worker "$PWD/on c"
    same_run plain spread
    on_a together
    same_run plain together
    (($(received together text-decode) < $(received spread text-decode)))
}

@test "three hosts: two ranks of each encoder, of which two share one host" {
    [[ $(mpirun --version 2>/dev/null) == *'Open MPI'* ]] || skip "Open MPI's mpirun is not here"
    hosts_up
    OMPI_MCA_plm_rsh_agent=$PWD/rsh on_a ranks --replicas 2,2 --launch-image 'mpirun -n 2 --host a,b' \
        --launch-text 'mpirun -n 2 --host b,c' --launch-worker "$PWD/on c"
    same_run plain ranks
}

@test "what cannot be met is said" {
    run "$TRAIN" --name no --control tcp://a:7000 --print-worker loss
    [ "$status" -eq 2 ] && [[ $output == *"decode, tokenize or label"* ]]
    run "$TRAIN" --name no --print-worker decode
    [ "$status" -eq 2 ] && [[ $output == *"--control tcp://HOST:PORT"* ]]
    run train no --control tcp://192.0.2.1:7000 --keys keys # another host's
    [ "$status" -eq 2 ]
    local nobody
    nobody=tcp://127.0.0.1:$(free_port)
    run coca-decode --control "$nobody" --peer-timeout 0.5
    [ "$status" -eq 4 ] && [[ $output == *"missing at $nobody"* ]]
    run coca-image-encode --run-dir runs/plain --control "$nobody" --peer-timeout 0.5
    [ "$status" -eq 4 ] && [[ $output == *"$nobody"* ]]
}
