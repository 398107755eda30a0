#!/usr/bin/env bats
# The shell's part of a job, with processes that stand in for stages.

setup() {
    DIR=$(mktemp -d)
    mkdir "$DIR/run" "$DIR/bin"
    # proc SECONDS CODE [options that every stage gets]: appends a line when it starts and when it ends
    cat >"$DIR/bin/proc" <<'S'
#!/usr/bin/env bash
echo "start $1 $2" >>"$LOG"
trap 'echo "term $1" >>"$LOG"; exit 143' TERM
trap 'echo "int $1" >>"$LOG"; exit 130' INT
end=$((SECONDS + ${1%.*}))
exec 7<"$RUN/sockets/supervisor"
for ((i = 0; i < ${1%.*} * 20 + 1; i++)); do
    read -r -t 0.05 -u 7; (($? == 1)) && { echo "orphan $1" >>"$LOG"; exit 4; }
done
exit "$2"
S
    chmod +x "$DIR/bin/proc"
    export LOG=$DIR/log RUN=$DIR/run COCA_BIN=$DIR/bin
    cat >"$DIR/job.sh" <<S
source "$BATS_TEST_DIRNAME/../../pipelines/lib/supervise.sh"
job_open "$DIR/run"
. "$DIR/stages.sh"
job_watch
S
}

teardown() {
    pkill -f "$DIR/bin/proc" || true
    rm -rf "$DIR"
}

job() { printf '%s\n' "$@" >"$DIR/stages.sh"; }

# logged LINE: waits until a process has written it, five seconds at most.
logged() {
    local i
    for ((i = 0; i < 100; i++)); do grep -q -- "$1" "$LOG" 2>/dev/null && return; sleep 0.05; done
    echo "no line '$1' in the log" >&2
    return 1
}
export -f logged

@test "a job ends with 0 when its stages do, and leaves no sockets" {
    job 'stage a proc 0 0' 'stage b proc 1 0'
    run bash "$DIR/job.sh"
    [ "$status" -eq 0 ]
    [ -z "$(ls "$DIR/run/sockets")" ]
}

@test "the first failure decides the exit code, the others are told to leave" {
    job 'stage a proc 30 0' 'stage b proc 0 3'
    run bash "$DIR/job.sh"
    [ "$status" -eq 3 ]
    grep -q 'orphan 30' "$LOG"
}

@test "a stage killed by a signal ends the job with 4" {
    job 'stage a proc 30 0' 'stage b proc 30 0' 'kill -KILL $(cat $job_dir/sockets/b.pid)'
    run bash "$DIR/job.sh"
    [ "$status" -eq 4 ]
    [[ $output == *"b was ended by signal 9"* ]]
}

@test "a killed worker is started again, and five times in a minute is enough" {
    job 'stage a proc 3 0' 'workers w 1 proc 30 0' 'logged "start 30"' \
        'kill -KILL $(cat $job_dir/sockets/w.0.pid)'
    run bash "$DIR/job.sh"
    [ "$status" -eq 0 ]
    [ "$(grep -c 'start 30' "$LOG")" -eq 2 ]
    job 'stage a proc 30 0' 'workers w 1 proc 0 4'
    run bash "$DIR/job.sh"
    [ "$status" -eq 4 ]
}

@test "a worker that finds its data bad is not started again" {
    job 'stage a proc 30 0' 'workers w 2 proc 0 3'
    run bash "$DIR/job.sh"
    [ "$status" -eq 3 ]
}

@test "a second job in the same directory exits with 2" {
    job 'stage a proc 3 0'
    bash "$DIR/job.sh" &
    logged 'start 3'
    run bash "$DIR/job.sh"
    [ "$status" -eq 2 ]
    [[ $output == *"in use"* ]]
    wait
}

@test "TERM goes to the conductor, which ends the job cleanly" {
    job 'job_conductor=c' 'stage c proc 30 0' 'stage a proc 2 0'
    bash "$DIR/job.sh" 2>/dev/null & pid=$!
    logged 'start 30'
    logged 'start 2'
    kill -TERM $pid
    code=0; wait $pid || code=$?
    [ "$code" -eq 143 ]
    [ "$(grep -c term "$LOG")" -eq 1 ]
}

@test "a second signal ends everything at once" {
    job 'job_conductor=none' 'stage a proc 30 0'
    bash "$DIR/job.sh" 2>/dev/null & pid=$!
    logged 'start 30'
    kill -TERM $pid; sleep 0.3; kill -TERM $pid
    code=0; wait $pid || code=$?
    [ "$code" -eq 143 ]
    ! pgrep -f "$DIR/bin/proc"
}

@test "stages leave when the script is killed" {
    job 'stage a proc 30 0'
    bash "$DIR/job.sh" 2>/dev/null & pid=$!
    logged 'start 30'
    kill -KILL $pid
    logged orphan
}

@test "a recording is written by the stages that have its edge" {
    cat >"$DIR/bin/show" <<'S'
#!/usr/bin/env bash
echo "$*" >>"$LOG"
S
    chmod +x "$DIR/bin/show"
    sed -i 's/^job_open/take_stage_options "$@"\n&/' "$DIR/job.sh"
    job 'stage a show --images x --both x' 'stage b show --tokens x --both x'
    cd "$DIR"
    run bash job.sh --record images=f --record=a:both=g --record other=h
    [ "$status" -eq 0 ]
    grep -- '--images' "$LOG" | grep -- "--record images=$DIR/f" | grep -q -- "--record both=$DIR/g"
    [[ $output == *"--record other=$DIR/h: no stage of this job has such an edge"* ]]
    [[ $(grep -- '--tokens' "$LOG") != *--record* ]]
}
