#!/usr/bin/env bats
# Runs over hosts, of which the conductor's address alone is given: the same bits as on one host, with keys, and with workers that
# were pasted into a shell elsewhere.

load tiny.bash
load namespaces.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
STEPS=20

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
}

# train NAME OPTION ...: later options win.
train() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data data.set --batch-size 6 \
        --microbatch 3 --steps "$STEPS" --lr 1e-2 --precision fp32 --threads 1,1 --seed 3 --workers 1 "$@" 2>&1
}
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
    grep -q 'ipc\|sockets' <(ls runs/hosts/sockets) || true
}
