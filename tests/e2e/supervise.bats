#!/usr/bin/env bats
# coca-run and the words in which scripts describe a job, with programs that stand in for stages.

bats_require_minimum_version 1.5.0
load eventually.bash
COCA_BIN=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}

setup() {
    DIR=$(mktemp -d)
    cd "$DIR"
    mkdir run bin
    # proc SECONDS CODE [options that every stage gets]: says when it starts, is signalled, and is left alone
    cat >bin/proc <<'S'
#!/usr/bin/env bash
echo "start $1 $2" >>"$LOG"
trap 'echo "term $1" >>"$LOG"; exit 143' TERM
trap 'echo "int $1" >>"$LOG"; exit 130' INT
trap 'echo "hup $1" >>"$LOG"; exit 129' HUP
[[ $1 != 0 ]] || exit "$2"
exec 7<"$RUN/sockets/supervisor"
read -r -t "$1" -u 7; (($? == 1)) && { echo "orphan $1" >>"$LOG"; exit 4; }
echo "end $1 $2" >>"$LOG"
exit "$2"
S
    # deaf SECONDS [CODE]: takes no notice of requests; its children do not, either
    cat >bin/deaf <<'S'
#!/usr/bin/env bash
trap '' TERM INT HUP USR1
echo "deaf $1" >>"$LOG"
sleep "$1" & setsid sleep "$1" & bash -c 'sleep "$0"; :' "$1" &
wait
exit "${2:-0}"
S
    chmod +x bin/*
    PATH=$DIR/bin:$COCA_BIN:$PATH
    export LOG=$DIR/log RUN=$DIR/run
    pid=''
}
teardown() {
    [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true
    rm -rf "$DIR"
}

# job ROW ... [-- OPTION ...]: runs that table.
job() {
    local table=()
    while (($#)) && [[ $1 != -- ]]; do table+=("$1"); shift; done
    shift || true
    printf '%s\n' "${table[@]}" | coca-run --run-dir run "$@"
}
# job_in_background ROW ...: `pid` is coca-run's, begun by ${begun_by[@]}; its words go to words.
begun_by=()
job_in_background() {
    printf '%s\n' "$@" >table
    "${begun_by[@]}" coca-run --run-dir run <table >words 2>&1 3>&- &
    pid=$!
}
# leaves CODE SECONDS: the job in the background ends so, and as soon as that.
leaves() {
    local code=0 begun=${EPOCHREALTIME/./}
    wait "$pid" || code=$?
    pid=''
    cat words
    echo "left with $code"
    ((code == $1 && ${EPOCHREALTIME/./} - begun < $2 * 1000000))
}
# logged LINE [COUNT]: processes have written it.
times() { [[ $(grep -c -- "$1" "$LOG") -ge $2 ]]; }
logged() { eventually times "$1" "${2:-1}"; }
# sleepers SECONDS COUNT: so many sleeps of that length there are. nobody SECONDS: none.
sleepers() { [[ $(pgrep -fc "sleep $1\$") -eq $2 ]]; }
nobody() { eventually sleepers "$1" 0; }

# --- Kinds

@test "a job ends with 0 when its stages do, and leaves logs and no sockets" {
    run job 'stage a proc 0.1 0' 'stage b proc 0.2 0'
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ -z "$(ls run/sockets)" ]
    [ -e run/log/a.log ]
    [ -e run/log/b.log ]
}

@test "stages, sinks and workers are told their files, feeders and side processes are not" {
    cat >bin/show <<'S'
#!/usr/bin/env bash
printf '%s ' "$@" >"$RUN/$1.arguments"
cat /dev/stdin >"$RUN/$1.stdin"
echo "words of $1"
[[ $1 != sink ]] || until [[ -s $RUN/feeder.stdin && -s $RUN/side.arguments && -s $RUN/worker.stdin || $((++i)) -gt 200 ]]; do sleep 0.02; done
S
    chmod +x bin/show
    printf '%s\n' 'sink s show sink "a b"' 'stage t show stage' 'worker w show worker' 'feeder f show feeder' 'side v show side' >table
    echo fed | coca-run --run-dir run --table 3 -- --keys k 3<table >out
    common() { echo "--run-dir $DIR/run --supervisor sockets/supervisor --ready sockets/$1.ready --counters log/$1.counters --keys k "; }
    [ "$(<run/sink.arguments)" = "sink a b $(common s)" ]
    [ "$(<run/stage.arguments)" = "stage $(common t)" ]
    [ "$(<run/worker.arguments)" = "worker $(common w.0)" ]
    [ "$(<run/feeder.arguments)" = "feeder " ]
    [ "$(<run/side.arguments)" = "side " ]
    [ "$(<run/feeder.stdin)" = fed ]
    [ ! -s run/sink.stdin ]
    [ "$(<out)" = "words of sink" ]
    [ "$(<run/log/t.log)" = "words of stage" ]
    [ "$(<run/log/w.0.log)" = "words of worker" ]
    [ "$(<run/log/v.log)" = "words of side" ]
    [ ! -e run/log/s.log ]
}

@test "each process has its number in sockets, and a process group of its own" {
    job_in_background 'stage a proc 30 0' 'worker w count=2 proc 31 0'
    logged 'start 30'
    logged 'start 31' 2
    for name in a w.0 w.1; do
        [ "$(ps -o pgid= "$(<run/sockets/$name.pid)" | tr -d ' ')" = "$(<run/sockets/$name.pid)" ]
    done
    kill -TERM "$pid"
    leaves 143 5
}

@test "a feeder that never ends does not keep the job up, and one that fails ends it" {
    run job 'sink s proc 0.1 0' 'feeder f sleep 3001'
    [ "$status" -eq 0 ]
    nobody 3001
    run job 'stage s proc 30 0' 'feeder f bash -c "echo no such list >&2; exit 2"'
    [ "$status" -eq 2 ]
    [[ $output == *"no such list"*"f left with 2" ]]
}

@test "a side process that fails does not matter, and is told of" {
    run job 'stage a proc 0.3 0' 'side v bash -c "echo no data; exit 3"'
    [ "$status" -eq 0 ]
    [[ $output == *"no data"*"v, beside the job, left with 3; its words are in $DIR/run/log/v.log" ]]
}

@test "a job that ends well waits for what goes on beside it, which the FIFO tells; one that fails does not" {
    run job 'stage a proc 0.1 0' 'side v bash -c "exec 7<run/sockets/supervisor; read -u 7; sleep 0.2; echo done >>\$LOG"'
    [ "$status" -eq 0 ]
    grep done "$LOG"
    run job 'stage a proc 0.1 3' 'side v bash -c "sleep 3002; :"'
    [ "$status" -eq 3 ]
    nobody 3002
    rm "$LOG"
    job_in_background 'stage a proc 0.1 0' 'side v bash -c "sleep 3003; :"'
    logged 'end 0.1 0'
    kill -INT "$pid"
    leaves 130 5
    nobody 3003
}

@test "jobs one after the other, until one fails" {
    run job 'stage a proc 0 0' then 'stage a proc 0.1 0' then 'stage a proc 0.2 3' then 'stage a proc 0.3 0'
    [ "$status" -eq 3 ]
    [ "$(sed -n 's/start \([0-9.]*\) .*/\1/p' "$LOG" | tr '\n' ' ')" = "0 0.1 0.2 " ]
}

# --- Failures

@test "the first failure decides the exit code, the others are told to leave" {
    run job 'stage a proc 30 0' 'stage b proc 0.5 3'
    [ "$status" -eq 3 ]
    grep -q 'orphan 30' "$LOG"
}

@test "a stage killed by a signal ends the job with 4" {
    job_in_background 'stage a proc 30 0' 'stage b proc 31 0'
    logged 'start 30'
    logged 'start 31'
    kill -KILL "$(<run/sockets/b.pid)"
    leaves 4 5
    grep "b was ended by signal 9" words
    logged 'orphan 30'
}

@test "who lost a peer may be heard of first: the peer's end is what counts" {
    run job 'stage a bash -c "exit 4"' 'stage b bash -c "sleep 0.15; echo the disk is full; exit 1"' 'stage c proc 30 0'
    [ "$status" -eq 1 ]
    [[ $output == *"the disk is full"*"b left with 1; its words are in $DIR/run/log/b.log"* ]]
    [[ $output != *"a left"* ]]
    run job 'stage a bash -c "exit 4"' 'stage b proc 30 0' # nobody says why
    [ "$status" -eq 4 ]
    [[ $output == *"a left with 4"* ]]
}

@test "a stage that does not leave when it is told to is killed" {
    run job 'stage a deaf 3012' 'stage b bash -c "until [ -e $LOG ]; do sleep 0.02; done; exit 3"' -- --grace 0.2
    [ "$status" -eq 3 ]
    nobody 3012
}

@test "a conductor that the table does not have" {
    run job 'stage a proc 0 0' -- --conductor b
    [ "$status" -eq 2 ]
    [[ $output == *"--conductor b: the table has no such row"* ]]
}

@test "the last lines of a log are shown, of this job alone, and a log that is not there is not named" {
    mkdir run/log
    echo "of yesterday" >run/log/b.log
    run job 'stage b bash -c "seq 1 30; exit 3"'
    [ "$status" -eq 3 ]
    [ "${lines[0]}" = 21 ]
    [ "${lines[9]}" = 30 ]
    [ "${lines[10]}" = "coca-run: error: b left with 3; its words are in $DIR/run/log/b.log" ]
    run job 'stage b bash -c "exit 3"'
    [ "$output" = "coca-run: error: b left with 3" ]
    run job 'stage b bash -c "printf no-newline; exit 3"'
    [ "${lines[0]}" = no-newline ]
    run job 'sink b bash -c "echo said at once >&2; exit 3"'
    [ "$output" = "$(printf 'said at once\ncoca-run: error: b left with 3')" ]
}

@test "a scratch directory goes with the job, and stays when a log in it was named" {
    mkdir scratch
    coca-run --run-dir scratch --scratch <<<'stage a proc 0 0'
    [ ! -e scratch ]
    mkdir scratch
    run coca-run --run-dir scratch --scratch <<<'sink a bash -c "exit 3"'
    [ "$status" -eq 3 ]
    [ ! -e scratch ]
    mkdir scratch
    run coca-run --run-dir scratch --scratch <<<'stage a bash -c "echo why; exit 3"'
    [ "$status" -eq 3 ]
    grep -q why "${output##*its words are in }"
    mkdir again
    run coca-run --run-dir again --scratch <<<'nonsense'
    [ "$status" -eq 2 ]
    [ ! -e again ]
}

@test "a command that is not there" {
    run job 'stage a proc 30 0' 'stage b no-such-program'
    [ "$status" -eq 2 ]
    [[ $output == *"no-such-program cannot be started: No such file"* ]]
}

@test "a table that is none, and a directory that is not there" {
    run job 'stag a proc 0 0'
    [ "$status" -eq 2 ]
    [[ $output == *"line 1: 'stag' is no kind"* ]]
    [ ! -e "$LOG" ]
    run coca-run --run-dir missing <<<'stage a proc 0 0'
    [ "$status" -eq 2 ]
    run coca-run <<<'stage a proc 0 0'
    [ "$status" -eq 2 ]
}

@test "a second job in the same directory exits with 2" {
    job_in_background 'stage a proc 30 0'
    logged 'start 30'
    run job 'stage a proc 0 0'
    [ "$status" -eq 2 ]
    [[ $output == *"in use"* ]]
    kill -TERM "$pid"
    leaves 143 5
}

# --- Restarts

@test "a killed worker is started again" {
    job_in_background 'stage a bash -c "until [ \$(grep -c \"start 30\" \$LOG) -eq 2 ]; do sleep 0.02; done"' 'worker w proc 30 0'
    logged 'start 30'
    kill -KILL "$(<run/sockets/w.0.pid)"
    leaves 0 5
    grep 'w.0 was lost (exit 137) and is started again' words
}

@test "a row says how often, in how long a time; beyond that the job ends with 4" {
    run job 'stage a proc 30 0' 'worker w restarts=2 within=30 bash -c "echo start w >>\$LOG; exit 4"'
    [ "$status" -eq 4 ]
    [[ $output == *"more than 2 restarts in 30 s"* ]]
    [ "$(grep -c 'start w' "$LOG")" -eq 3 ]
    rm "$LOG"
    run job 'stage a restarts=1 bash -c "echo start a >>\$LOG; [ \$(grep -c start \$LOG) -eq 2 ] || kill -KILL \$\$"'
    [ "$status" -eq 0 ]
    [ "$(grep -c 'start a' "$LOG")" -eq 2 ]
    run job 'stage a proc 30 0' 'worker w restarts=0 bash -c "exit 4"'
    [ "$status" -eq 4 ]
}

@test "a worker that finds its data bad is not started again" {
    run job 'stage a proc 30 0' 'worker w count=2 proc 0 3'
    [ "$status" -eq 3 ]
    [[ $output != *"started again"* ]]
}

# --- The job again

# life CODE ...: ends as the start's number says, by that code or signal; the last one holds for later starts, "stay" stays.
# It begins when the procs of $BESIDE have said as often as it has that they start: who is signalled earlier never says so.
life() {
    cat >bin/life <<'S'
#!/usr/bin/env bash
echo life >>"$LOG"
codes=($CODES) start=$(grep -c '^life' "$LOG")
for proc in ${BESIDE-}; do
    until (($(grep -c "^start $proc " "$LOG") >= start)); do sleep 0.02; done
done
code=${codes[start - 1]:-${codes[-1]}}
case $code in
    stay) exec sleep 30 ;;
    launcher) sleep 3005 & setsid sleep 3005 & wait ;;
    *[A-Z]) kill -"$code" $$ ;;
    *) exit "$code" ;;
esac
S
    chmod +x bin/life
    export CODES=$*
}
again='again p bash -c "echo prepared >>\$LOG"'

@test "a job that lost a stage starts again, all of it, after the row 'again'" {
    life KILL 4 9 255 0
    export BESIDE='30 31'
    run job 'stage a life --' 'worker w proc 30 0' 'side v proc 31 0' "${again/p bash/p restarts=9 bash}"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c prepared "$LOG")" -eq 4 ]
    [ "$(grep -c life "$LOG")" -eq 5 ]
    [ "$(grep -c 'start 30' "$LOG")" -eq 5 ]
    [ "$(grep -c 'start 31' "$LOG")" -eq 5 ]
    [[ $output == *"a was ended by signal 9"*"restart 1 of 9 within 600 s"*"a left with 4"*"a left with 9"*"a left with 255"*"restart 4"* ]]
    [ "$(jq -c '[.[] | [.lost, .how, .restarts]]' run/incident.json)" = '[["a","signal 9",1],["a","exit 4",2],["a","exit 9",3],["a","exit 255",4]]' ]
    nobody 30
}

@test "what failed with 1, 2 or 3 would fail again, and a row that is not needed is no loss" {
    local code
    for code in 1 2 3; do
        life $code
        run job 'stage a life' "$again"
        [ "$status" -eq $code ]
    done
    life stay
    run job 'stage a life' 'worker w restarts=0 bash -c "kill -KILL \$\$"' "$again"
    [ "$status" -eq 4 ]
    refute_line prepared
    [ ! -e run/incident.json ]
}
refute_line() { if grep "$1" "$LOG"; then return 1; fi; }

@test "beyond the limit the job ends with 4, whatever a launcher's code was, and the loss is kept" {
    life 9
    run job 'stage a life' "${again/p bash/p restarts=2 within=30 bash}"
    [ "$status" -eq 4 ]
    [[ $output == *"more than 2 starts of the job in 30 s"* ]]
    [ "$(grep -c life "$LOG")" -eq 3 ]
    [ "$(jq -c '[.[].restarts]' run/incident.json)" = '[1,2,0]' ]
}

@test "what prepares the next start has the lock as stdin; when it fails, the job ends with its code" {
    life KILL 0
    run job 'stage a life' 'again p bash -c "flock -n 0 && [ /dev/stdin -ef \$RUN/lock ]"'
    [ "$status" -eq 0 ]
    rm -f "$LOG"
    run job 'stage a life' 'again p bash -c "echo no checkpoint; exit 3"'
    [ "$status" -eq 3 ]
    [[ $output == *"no checkpoint"*"p left with 3"* ]]
    rm -f "$LOG"
    run job 'stage a life' 'again p bash -c "[ -e again ] || { touch again; kill -KILL \$\$; }"' # it may be lost, too
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"p was ended by signal 9"*"restart 2 of 3"* ]]
}

@test "ranks of a launcher that is killed go with it before the job starts again" {
    life launcher stay
    job_in_background 'stage a life' "$again"
    eventually sleepers 3005 2
    kill -KILL "$(<run/sockets/a.pid)"
    logged prepared
    nobody 3005
    logged life 2
    kill -TERM "$pid"
    leaves 143 5
}

@test "who was stopped is the one that was lost, not who left for its sake" {
    life launcher stay
    job_in_background 'stage a life' 'stage b bash -c "until [ -e gone ]; do sleep 0.02; done; rm gone; exit 4"' "$again"
    eventually sleepers 3005 2
    kill -STOP "$(pgrep -P "$(<run/sockets/a.pid)" sleep | head -n 1)" # below it
    touch gone
    logged prepared
    grep 'a stands still' words
    [ "$(jq -c '[.[] | [.lost, .how]]' run/incident.json)" = '[["a","frozen"]]' ]
    nobody 3005
    logged life 2
    kill -TERM "$pid"
    leaves 143 5
}

@test "a request while it waits to start again ends the job" {
    life KILL KILL KILL KILL KILL KILL stay
    job_in_background 'stage a life' "${again/p bash/p restarts=9 bash}"
    logged life 6 # the next wait is 3.2 s
    eventually grep 'restart 6' words
    kill -TERM "$pid"
    leaves 143 2
    [ "$(grep -c life "$LOG")" -eq 6 ]
}

@test "coca-run is killed while what prepares the next start runs: nobody is left" {
    life KILL
    job_in_background 'stage a life' 'again p bash -c "sleep 3006 & wait"'
    eventually sleepers 3006 1
    kill -KILL "$pid"
    leaves 137 2
    nobody 3006
}

# --- Requests

@test "a request goes to the conductor, which ends the job cleanly" {
    printf '%s\n' 'stage c proc 30 0' 'stage a proc 0.5 0' >table
    coca-run --run-dir run --conductor c <table >words 2>&1 3>&- &
    pid=$!
    logged 'start 30'
    logged 'start 0.5'
    kill -TERM $pid
    leaves 143 5
    [ "$(grep -c term "$LOG")" -eq 1 ]
}

@test "without a conductor it goes to all; INT, TERM, HUP and USR1 are requests" {
    local -A code=([INT]=130 [TERM]=143 [HUP]=129)
    begun_by=(env --default-signal=HUP) # the tests may run under nohup
    for signal in INT TERM HUP; do
        : >"$LOG"
        job_in_background 'stage a proc 30 0' 'sink b proc 31 0'
        logged 'start 30'
        logged 'start 31'
        kill -$signal "$pid"
        leaves "${code[$signal]}" 5
        grep "${signal,,} 30" "$LOG"
        grep "${signal,,} 31" "$LOG"
    done
    job_in_background 'stage a bash -c "trap \"exit 143\" USR1 TERM; echo usr >>\$LOG; sleep 3004 & wait"'
    logged usr
    kill -USR1 "$pid"
    leaves 143 5
    nobody 3004
}

@test "many signals within a second are one request, a later one ends everything at once" {
    job_in_background 'stage a deaf 3005'
    logged 'deaf 3005'
    kill -TERM "$pid"
    kill -TERM "$pid"
    for signal in INT TERM HUP USR1; do sleep 0.1; kill -$signal "$pid"; done
    kill -0 "$pid"
    sleep 0.8
    kill -INT "$pid"
    leaves 130 2
    nobody 3005
}

@test "one signal to every process of the job is one request" {
    printf '%s\n' 'sink c bash -c "trap \"sleep 0.2; echo checkpoint >>\$LOG; exit 143\" TERM; echo c >>\$LOG; while :; do sleep 0.05; done"' \
        'worker w count=2 bash -c "trap : TERM; echo w >>\$LOG; while :; do sleep 0.05; done"' 'feeder f sleep 3006' 'side v sleep 3006' >table
    coca-run --run-dir run --conductor c <table >words 2>&1 3>&- &
    pid=$!
    logged c
    logged w 2
    # The processes of the job first: they are gone before coca-run knows why.
    kill -TERM $(cat run/sockets/*.pid) $(pgrep -P "$pid") "$pid"
    leaves 143 10
    grep checkpoint "$LOG"
    nobody 3006
}

@test "a stage that is asked to leave by itself: the others are asked, too" {
    job_in_background 'stage a proc 30 0' 'stage b proc 31 0'
    logged 'start 30'
    logged 'start 31'
    kill -INT "$(<run/sockets/a.pid)"
    leaves 130 5
    grep 'a was asked to leave by signal 2' words
    grep 'int 31' "$LOG"
}

@test "what fails while the job drains decides, but for who lost a peer that left" {
    job_in_background 'stage a proc 30 0' 'sink b bash -c "trap \"sleep 0.3; exit 1\" TERM; echo b >>\$LOG; sleep 3007 & wait"'
    logged 'start 30'
    logged b
    kill -TERM "$pid"
    leaves 1 5
    job_in_background 'stage a proc 30 0' 'sink b bash -c "trap \"sleep 0.3; exit 4\" TERM; echo bb >>\$LOG; sleep 3007 & wait"'
    logged bb
    logged 'start 30'
    kill -TERM "$pid"
    leaves 143 5
    nobody 3007
}

@test "SIGINT is taken where it was ignored at the start, SIGHUP is not (nohup)" {
    trap '' INT HUP
    job_in_background 'stage a proc 30 0'
    trap - INT HUP
    logged 'start 30'
    kill -HUP "$pid"
    sleep 0.1
    kill -0 "$pid"
    kill -INT "$pid"
    leaves 130 5
    grep 'int 30' "$LOG"
}

# --- Nobody is left

@test "coca-run is killed: nobody is left, children's children included" {
    job_in_background 'stage a deaf 3008' 'worker w deaf 3008' 'side v deaf 3008' 'feeder f deaf 3008'
    eventually sleepers 3008 12
    kill -KILL "$pid"
    leaves 137 2
    nobody 3008
    flock run/lock true
    [ -z "$(ls run/sockets)" ]
}

@test "its supervisor is killed: nobody is left" {
    job_in_background 'stage a deaf 3009' 'side v deaf 3009'
    eventually sleepers 3009 6
    kill -KILL "$(pgrep -P "$pid")"
    leaves 4 2
    grep 'the supervisor was ended by signal 9' words
    nobody 3009
}

@test "a script that is killed takes its job with it" {
    cat >script <<S
source "$BATS_TEST_DIRNAME/../../pipelines/lib/supervise.sh"
job_dir=run
stage a deaf 3010
job_run
S
    COCA_BIN=$COCA_BIN bash script 3>&- &
    pid=$!
    eventually sleepers 3010 3
    kill -KILL "$pid"
    wait "$pid" || true
    pid=''
    nobody 3010
}

@test "what a job that ended well leaves running is ended" {
    run job 'stage a bash -c "setsid sleep 3011 & exit 0"'
    [ "$status" -eq 0 ]
    nobody 3011
}

# --- What scripts write

@test "words of every kind reach the processes as they are" {
    cat >bin/words <<'S'
#!/usr/bin/env bash
while [[ $1 != --run-dir ]]; do printf '<%s>' "$1"; shift; done
S
    chmod +x bin/words
    cat >script <<S
source "$BATS_TEST_DIRNAME/../../pipelines/lib/supervise.sh"
job_dir=run
sink a words "\$@"
job_run
S
    words=('' ' ' "it's" '"' '\' $'two\nlines' $'\t' '$HOME' '*' '#' 'a=b' $'\xff' 'é' '&')
    [ "$(bash script "${words[@]}")" = "$(printf '<%s>' "${words[@]}")" ]
}

@test "a recording is written by the stages that have its edge" {
    cat >bin/show <<'S'
#!/usr/bin/env bash
echo "$*" >>"$LOG"
S
    chmod +x bin/show
    run job 'stage a show --images x --both x' 'stage b show --tokens=x --both=x' -- --record images=f --record=a:both=g --record tokens=/h \
        --record other=h
    [ "$status" -eq 0 ]
    grep -- '--images' "$LOG" | grep -- "--record images=$DIR/f" | grep -q -- "--record both=$DIR/g"
    grep -- '--tokens' "$LOG" | grep -q -- "--record tokens=/h"
    [[ $output == *"--record other=$DIR/h: no stage of this job has such an edge"* ]]
    [[ $(grep -- '--tokens' "$LOG") != *both=/* ]]
    run job 'stage a show --images x' -- --record images
    [ "$status" -eq 2 ]
}

@test "the closing table: a line for each process that left counters, the same in every locale" {
    printf 'decode\t0\t1.500\t0.2500\t0.5000\t0.2500\t1\t2\t3\t4\t1048576\t2097152\t0\t0\t0.1000\t0\t0\t0\t0\n' >line
    sed 's/\t0\t/\t1\t/;s/1.500/2.000/' line >rank
    run job 'stage b bash -c "cp line run/log/b.counters"' 'worker w bash -c "cat line line >run/log/w.0.counters"' 'stage r bash -c "cat rank line line >run/log/r.counters"' 'stage c proc 0.1 0' \
        -- --times
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 5 ]
    [ "${lines[1]}" = "b                      1.5    25.0%    50.0%    25.0%      10.0%        1.0        2.0" ]
    [[ ${lines[2]} == w.0* ]]
    [[ ${lines[3]} == "r 0 "*" 1.5 "* ]]
    [[ ${lines[4]} == "r 1 "*" 2.0 "* ]]
}

@test "coca-await tells what is moved into a folder, until the job is over" {
    mkdir folder fifos
    mkfifo fifos/supervisor
    exec 7<>fifos/supervisor
    coca-await folder --until fifos/supervisor >names 3>&- 7>&- &
    await=$!
    told() { mkdir folder/.one && mv -T folder/.one folder/one && sleep 0.02 && rm -r folder/one && [[ -s names ]]; }
    eventually told
    touch folder/not-moved
    mkdir folder/.two
    mv folder/.two folder/two
    eventually grep two names
    exec 7>&-
    wait $await
    [ "$(sort -u names | tr '\n' ' ')" = "one two " ]
    coca-await folder --until fifos/gone
    mkfifo fifos/left # by all who wrote, before anybody awaits it
    timeout 10 coca-await folder --until fifos/left
    run coca-await missing --until fifos/gone
    [ "$status" -eq 2 ]
}

@test "nobody else listens or speaks in a job, whatever the umask is" {
    mkdir -p run/sockets
    chmod 777 run/sockets
    umask 000
    run job 'sink a bash -c "stat -c %a run/sockets run/sockets/supervisor"'
    [ "$status" -eq 0 ]
    [ "$output" = $'700\n600' ] || { echo "$output"; false; }
}

@test "a folder whose name does not fit on a line is refused" {
    mkdir $'two\n'
    run coca-run --run-dir $'two\n' <<<'stage a true'
    [ "$status" -eq 2 ]
    [[ $output == *"control character"* ]]
    [ -z "$(ls $'two\n')" ]
}
