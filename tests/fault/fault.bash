# Runs that are disturbed: a tiny one in the background, and what is asked of it afterwards.

load ../e2e/tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
UNTIL_TOLD=1000000 # steps of a run that is ended by the test

# In setup_file: a dataset of captioned pictures that all tests of a file share, which then work in that folder.
fault_data() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned data.set 7
}
fault_setup() {
    cd "$BATS_FILE_TMPDIR" || return
    export TMPDIR=$PWD # of jobs that fail and leave their logs
    pid=''
}
# No process left behind, whatever became of the test.
fault_teardown() {
    local file
    [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true
    for file in "$BATS_FILE_TMPDIR"/runs/*/sockets/*.pid; do [[ ! -e $file ]] || kill -KILL "$(<"$file")" 2>/dev/null || true; done
}

# run_options NAME OPTION ...: sets `options` for a run of runs/; later options win.
run_options() {
    options=(--name "$1" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data data.set --batch-size 4
        --microbatch 2 --lr 1e-3 --lr-scheduler const --precision fp32 --threads 1,1 --seed 5 --workers 2 "${@:2}")
}
train() {
    local options
    run_options "$@"
    "$TRAIN" "${options[@]}" 2>&1
}
# train_in_background NAME OPTION ...: its words go to NAME.log; `pid` is the script's. As every process in the background of a
# script, it begins with SIGINT ignored.
train_in_background() {
    local options
    run_options "$@"
    env --default-signal=HUP "$TRAIN" "${options[@]}" >"$1.log" 2>&1 3>&- & # SIGHUP counts, under nohup too
    pid=$!
}
resume() { train "$@" --resume latest; }

steps_of() { if [[ -e runs/$1/metrics.jsonl ]]; then wc -l <"runs/$1/metrics.jsonl"; else echo 0; fi; }
# reaches NAME N: waits until the run in the background has done N steps.
reaches() {
    until (($(steps_of "$1") >= $2)); do
        kill -0 "$pid" 2>/dev/null || { cat "$1.log"; return 1; }
        sleep 0.02
    done
}
# signal SIGNAL NAME PROCESS: to one process of a run; fails while it is not there.
signal() {
    local process
    process=$(cat "runs/$2/sockets/$3.pid" 2>/dev/null) && kill -"$1" "$process" 2>/dev/null
}

# leaves CODE SECONDS: the run in the background ends so, and as soon as that.
leaves() {
    local code=0 begun=$SECONDS
    wait "$pid" || code=$?
    pid=''
    echo "# left with $code after $((SECONDS - begun)) s"
    ((code == $1 && SECONDS - begun <= $2))
}

# What a run must repeat: every number of every step but the speed.
numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
# whole NAME STEPS: each step once, in order.
whole() {
    diff <(sed 's/.*"step": \([0-9]*\),.*/\1/' "runs/$1/metrics.jsonl") <(seq 0 $(($2 - 1)))
}
# resumes NAME MORE: from the newest checkpoint, MORE steps to the end.
resumes() {
    local newest steps
    newest=$(newest_checkpoint "$1")
    steps=$((newest + $2))
    resume "$1" --steps "$steps"
    whole "$1" "$steps"
    [[ -e runs/$1/model/open_clip_model.safetensors ]]
}
newest_checkpoint() { ls "runs/$1/checkpoints" | sed -n 's/^step-//p' | sort -n | tail -n 1; }
# all_gone NAME: every process of the run has left (each holds no lock, the script does; stages are known by their pids).
all_gone() {
    local stage
    for stage in $stages_of_run; do
        eventually refute kill -0 "$stage" || { ps -o pid,args "$stage"; return 1; }
    done
}
# remember_stages NAME: their pids, for all_gone.
remember_stages() { stages_of_run=$(cat "runs/$1"/sockets/*.pid); }
