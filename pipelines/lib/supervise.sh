# Starting, watching and stopping the stages of one job. Sourced by the pipeline scripts.
#
#   job_open DIR                        makes DIR the job's directory: lock, sockets/, log/, supervisor pipe, signal traps
#   stage NAME COMMAND ...              starts a process the job needs to its end; its words go to log/NAME.log
#   sink NAME COMMAND ...               the same, but it keeps this script's stdout and stderr; the job ends with it
#   workers NAME COUNT COMMAND ...      starts processes that may die and are started again
#   feeder NAME PID                     watches a process that this script started itself: it ends before the job or with it
#   take_stage_options ARGUMENT ...     sorts this script's arguments: job_options for every stage, job_arguments for the rest
#   job_watch                           returns when the job is done, with the exit code of the stage that failed first
#
#   job_times                           prints where each process's time went
#
# Every process runs in DIR with --run-dir, --run-id, --supervisor, --ready and --counters added to its command, and in a process
# group of its own, so that Ctrl-C reaches this script alone: the first INT or TERM is passed to the conductor (the stage
# named in $job_conductor, else to all), the second ends everything at once.
# The processes read the pipe $job_dir/sockets/supervisor; when this script is gone, however it went, they leave.

COCA_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
COCA_BIN=${COCA_BIN:-$COCA_HOME/build/bin}
[[ -d $COCA_BIN ]] || COCA_BIN=$COCA_HOME/bin
PATH=$COCA_BIN:$PATH

job_restarts=5 job_restart_window=60 # more restarts of workers than this in so many seconds end the job
job_grace=20                         # seconds for a stage to leave once it was told to

declare -A job_name job_kind job_command # by pid
job_failed=0 job_signal='' job_conductor='' job_ended=''
job_restarted=()

# The comment at the head of the script that runs.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { local code=$1; shift; say "error: $*"; exit "$code"; }

job_open() {
    job_dir=$(cd "$1" && pwd) || exit 1
    mkdir -p "$job_dir/sockets" "$job_dir/log"
    job_failed=0 job_signal='' job_ended=''
    exec 8>"$job_dir/lock"
    flock -n 8 || fail 2 "$job_dir is in use by another job: wait for it, or choose another --name"
    rm -f "$job_dir"/sockets/* "$job_dir"/log/*.counters
    mkfifo "$job_dir/sockets/supervisor"
    exec 9<>"$job_dir/sockets/supervisor"
    trap 'job_on_signal INT' INT
    trap 'job_on_signal TERM' TERM
    trap job_end EXIT
}

stage() { local name=$1; shift; job_spawn stage "$name" "$@"; }
sink() { local name=$1; shift; job_spawn sink "$name" "$@"; }
workers() {
    local name=$1 count=$2 i
    shift 2
    for ((i = 0; i < count; i++)); do job_spawn worker "$name.$i" "$@"; done
}

feeder() { job_name[$2]=$1 job_kind[$2]=feeder job_command[$2]=''; }

# job_spawn KIND NAME COMMAND ...
job_spawn() {
    local kind=$1 name=$2 pid
    shift 2
    local -a command=("$@" --run-dir "$job_dir" --supervisor sockets/supervisor
        --ready "sockets/$name.ready" --counters "log/$name.counters" "${job_options[@]}")
    add_recordings "$name" "$@"
    set -m # a process group for it
    if [[ $kind == sink ]]; then
        "${command[@]}" 8>&- 9>&- &
    else
        "${command[@]}" 8>&- 9>&- </dev/null >>"$job_dir/log/$name.log" 2>&1 &
    fi
    pid=$!
    set +m
    job_name[$pid]=$name job_kind[$pid]=$kind
    job_command[$pid]=$(printf '%q ' "$@")
    printf '%s\n' "$pid" >"$job_dir/sockets/$name.pid"
}

# add_recordings NAME ARGUMENT ...: to job_spawn's command, the recordings of edges that this process has.
add_recordings() {
    local name=${1%%.*} record edge
    shift
    for record in "${!job_records[@]}"; do
        edge=${record%%=*}
        [[ $edge == *:* && ${edge%%:*} != "$name" || " $* " != *" --${edge#*:} "* ]] && continue
        command+=(--record "${edge#*:}=${record#*=}")
        job_records[$record]=taken
    done
}

job_watch() {
    local pid code record
    for record in "${!job_records[@]}"; do
        [[ ${job_records[$record]} ]] || say "warning: --record $record: no stage of this job has such an edge"
    done
    while job_sweep; job_needed; do
        pid=''
        if wait -n -p pid; then code=0; else code=$?; fi
        [[ -n ${pid:-} && -n ${job_name[$pid]:-} ]] && job_left "$pid" "$code"
    done
    job_end
    return "$job_failed"
}

# Who died while job_spawn had `set -m` may count as told already: `wait -n` passes it over, so it is asked for by name.
job_sweep() {
    local pid code
    for pid in "${!job_name[@]}"; do
        kill -0 "$pid" 2>/dev/null && continue
        if wait "$pid" 2>/dev/null; then code=0; else code=$?; fi
        job_left "$pid" "$code"
    done
}

# True while a stage or sink runs.
job_needed() {
    local pid
    for pid in "${!job_kind[@]}"; do [[ ${job_kind[$pid]} == stage || ${job_kind[$pid]} == sink ]] && return 0; done
    return 1
}

# job_left PID CODE: one process is gone.
job_left() {
    local pid=$1 code=$2 name=${job_name[$1]} kind=${job_kind[$1]} command=${job_command[$1]}
    unset "job_name[$pid]" "job_kind[$pid]" "job_command[$pid]"
    if ((code == 0)); then return; fi
    if [[ -z $job_signal && $kind == worker ]] && ((!job_failed)) && ((code > 128 || code == 4)) && job_may_restart; then
        say "$name was lost (exit $code) and is started again"
        eval "job_spawn worker $name $command"
        return
    fi
    job_fail "$name" "$code"
}

job_may_restart() {
    local now=$SECONDS time recent=()
    for time in "${job_restarted[@]}"; do ((now - time < job_restart_window)) && recent+=("$time"); done
    job_restarted=("${recent[@]}" "$now")
    ((${#job_restarted[@]} <= job_restarts)) || { say "more than $job_restarts restarts in $job_restart_window s"; return 1; }
    sleep "0.$((2 ** ${#recent[@]} > 9 ? 9 : 2 ** ${#recent[@]}))"
}

# The first failure decides the exit code; the others are told to leave. A stage that was sent a signal leaves with 130 or
# 143 after its own drain, which is no loss.
job_fail() {
    local name=$1 code=$2
    ((job_failed)) && return
    ((code == 4)) && job_find_cause
    job_failed=$code
    if [[ -z $job_signal ]]; then
        if ((code == 130 || code == 143)); then
            say "$name was asked to leave by signal $((code - 128))"
        else
            job_report_loss "$name" "$code"
        fi
        exec 9>&-
        job_kill_after "$job_grace"
    fi
}

# Who lost a peer may be heard of before that peer: puts the peer's name and code in job_fail's place.
job_find_cause() {
    local pid other
    sleep 0.2
    for pid in "${!job_kind[@]}"; do
        [[ ${job_kind[$pid]} == worker || ${job_kind[$pid]} == feeder ]] || kill -0 "$pid" 2>/dev/null && continue
        wait "$pid"
        other=$?
        ((other != 0 && other != 4)) && name=${job_name[$pid]} code=$other
        unset "job_name[$pid]" "job_kind[$pid]" "job_command[$pid]"
    done
}

job_report_loss() {
    local name=$1 code=$2
    ((code > 128)) && job_failed=4 && say "error: $name was ended by signal $((code - 128))"
    [[ -s $job_dir/log/$name.log ]] && tail -n 5 "$job_dir/log/$name.log" >&2
    say "error: $name left with $code; its words are in $job_dir/log/$name.log"
}

job_on_signal() {
    local pid
    if [[ -n $job_signal ]]; then
        job_failed=$([[ $1 == INT ]] && echo 130 || echo 143)
        kill -KILL "${!job_name[@]}" 2>/dev/null
        exit "$job_failed"
    fi
    job_signal=$1
    for pid in "${!job_name[@]}"; do
        [[ -z $job_conductor || ${job_name[$pid]} == "$job_conductor" ]] && kill -"$1" "$pid" 2>/dev/null
    done
    return 0
}

job_kill_after() {
    local pids=("${!job_name[@]}")
    ((${#pids[@]})) || return 0
    ( # nothing of it may outlast the script: who reads the script's output would wait for it
        exec 8>&- 9>&- >/dev/null 2>&1
        trap 'kill "$sleeper"' TERM
        sleep "$1" &
        sleeper=$!
        wait "$sleeper" && kill -KILL "${pids[@]}"
    ) &
    disown
    job_killer=$!
}

# Lets the workers leave, by themselves first. Also runs when the script exits early.
job_end() {
    [[ -n $job_ended ]] && return
    job_ended=1
    local pid deadline=$((SECONDS + 3))
    for pid in "${!job_kind[@]}"; do [[ ${job_kind[$pid]} == feeder ]] && kill "$pid" 2>/dev/null; done
    while ((${#job_name[@]} && SECONDS < deadline)); do
        for pid in "${!job_name[@]}"; do kill -0 "$pid" 2>/dev/null || unset "job_name[$pid]"; done
        ((${#job_name[@]})) && sleep 0.05
    done
    exec 9>&-
    ((${#job_name[@]})) && { sleep 0.5; kill -KILL "${!job_name[@]}" 2>/dev/null; }
    [[ -n ${job_killer:-} ]] && kill "$job_killer" 2>/dev/null
    rm -f "$job_dir"/sockets/*
    return 0
}

# take_stage_options ARGUMENT ...: options that every stage has go to job_options, recordings to job_records, the rest to
# job_arguments. A recording is EDGE=FILE, or STAGE:EDGE=FILE for an edge on which several stages receive.
job_options=() job_arguments=()
declare -A job_records
take_stage_options() {
    while (($#)); do
        case $1 in
            --record=*) job_records[$(absolute_recording "${1#*=}")]='' ;;
            --record) job_records[$(absolute_recording "${2-}")]='' && shift ;;
            --keys) job_options+=(--keys "$(realpath -m -- "${2-}")"); shift ;;
            --insecure | --*-timeout=* | --message-limit=*) job_options+=("$1") ;;
            --*-timeout | --message-limit) job_options+=("$1" "${2-}"); shift ;;
            *) job_arguments+=("$1") ;;
        esac
        shift
    done
}

# EDGE=FILE with FILE seen from here, since stages work in the job's directory.
absolute_recording() { printf '%s=%s' "${1%%=*}" "$(realpath -m -- "${1#*=}")"; }

# Where each process's time went, from the counters that it wrote as it left.
job_times() {
    local file
    for file in "$job_dir"/log/*.counters; do
        [[ -s $file ]] && printf '%s\t%s\n' "$(basename "$file" .counters)" "$(tail -n 1 "$file")"
    done | awk -F'\t' '
        BEGIN { printf "%-16s %9s %8s %8s %8s %10s %10s\n", "process", "seconds", "busy", "waiting", "blocked", "peak MiB", "expected" }
        { printf "%-16s %9.1f %7.1f%% %7.1f%% %7.1f%% %10.1f %10.1f\n", $1, $4, 100*$5, 100*$6, 100*$7, $12/2^20, $13/2^20 }' >&2
}
