#!/usr/bin/env bash
# Trains a tiny model undisturbed, then again while its processes are killed and frozen and its disk is filled, and compares.
#
#   tests/fault/chaos.sh --incidents N|--minutes N [--seed S] [--replicas I,T] [--checkpoint-memory STEPS] [--hosts 1]
#
# --hosts 1, as root: over three network namespaces as hosts, image-encode and loss on a, text-decode on b, workers on c; then
# cables are taken out, too, for less than the heartbeat or for longer, and, where the kernel has netem, messages delayed.
# Which incident comes when is drawn from the seed (1): a process of any kind is killed; it is frozen for less than the heartbeat,
# or for good; coca-run or its supervisor is killed; and, as root, the run's disk, a small tmpfs, is full. What ends the job
# is followed by --resume latest. Prints each incident with the seconds until training was beyond the step that it had reached,
# and the verdict: 1 when a number of metrics.jsonl or a weight of the last checkpoint differs, or a run ends as it should not.
set -uo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
incidents=0 minutes=0 seed=1 replicas=1 memory=0 hosts=0
usage() { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit "$1"; }
while (($#)); do
    case $1 in
        --incidents) incidents=$2 ;; --minutes) minutes=$2 ;; --seed) seed=$2 ;; --replicas) replicas=$2 ;;
        --checkpoint-memory) memory=$2 ;; --hosts) hosts=$2 ;; --help) usage 0 ;; *) usage 2 >&2 ;;
    esac
    shift 2 || usage 2 >&2
done
((incidents || minutes)) || usage 2 >&2

# A round is a run with so many incidents, one in about so many steps.
((incidents && incidents < 20)) && round=$incidents || round=20
SPACING=100 # steps
steps=$((SPACING * (round + 2)))

BATS_TEST_DIRNAME=$here BATS_FILE_TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/chaos.XXXXXX")
load() { source "$here/$1"; }
load fault.bash
load ../e2e/namespaces.bash
small_disk='' kept=''
clean() {
    local link
    [[ $pid ]] && kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    for link in "$BATS_FILE_TMPDIR"/runs/*/checkpoints/memory; do [[ -L $link ]] && rm -rf "$(readlink "$link")"; done
    [[ $kept ]] && { echo "what is left to look at: $BATS_FILE_TMPDIR" >&4; return; }
    ns_down
    cd /
    [[ $small_disk ]] && umount -l "$small_disk" # what was killed just now may still be leaving
    rm -rf "$BATS_FILE_TMPDIR"
}
trap clean EXIT
trap 'exit 130' INT TERM
pid=''
exec 4>&2 # loops that look for files and processes are silent
fail() { { echo "chaos: $*"; tail -n 30 disturbed.log; } >&4; kept=1; exit 1; }
fault_data >/dev/null 2>&1 && fault_setup || fail "no data"

# ---- the runs

MOST=1000000 # restarts: the limit has tests of its own
begin() { # OPTION ...
    train_in_background disturbed --steps $steps --save-frequency 40 --replicas "$replicas" --checkpoint-memory "$memory" \
        --max-restarts $MOST --peer-timeout 20 "$@"
}
# ended: whether the run is over. What ended it otherwise than well, and may, is followed by a resume.
ended() {
    local code=0
    kill -0 "$pid" 2>/dev/null && return 1
    wait "$pid" || code=$?
    ((code == 0)) && { pid=''; return 0; }
    [[ " $allowed " == *" $code "* ]] || fail "the run left with $code"
    rm -f "$small_disk/filler"
    flock -w 20 runs/disturbed/lock true # what was left of the job is gone
    begin --resume latest
    return 1
}
now() { echo "${EPOCHREALTIME/./}"; }
# beyond STEP: waits for it, a minute at most; 1 when the run is over.
beyond() {
    local until=$(($(now) + 60000000))
    until (($(steps_of disturbed) >= $1)); do
        ended && return 1
        (($(now) < until)) || fail "step $1 is not reached again"
        sleep 0.02
    done 2>/dev/null
}

# over_hosts: from here on runs go over hosts, and their cables may be taken out.
over_hosts() {
    local why ranks=${replicas#*,} text
    if why=$(ns_missing); then fail "--hosts: $why"; fi
    ns_up a b c && ns_script on && coca-tap keys keys 2>/dev/null || fail "no hosts"
    text="$PWD/on b"
    ((ranks == 1)) || text+=" mpirun -n $ranks"
    printf '#!/bin/sh\nexec "%s" a "%s" "$@" --control tcp://a:7000 --keys "%s" --launch-text "%s" --launch-worker "%s c"\n' \
        "$PWD/on" "$TRAIN" "$PWD/keys" "$text" "$PWD/on" >train-on-a
    chmod +x train-on-a
    TRAIN=$PWD/train-on-a
    kinds+=(host_is_cut host_is_cut host_is_cut)
    { ip -n "$(ns_of a)" link add dev try type dummy && ip netns exec "$(ns_of a)" tc qdisc add dev try root netem delay 1ms; } 2>/dev/null &&
        kinds+=(messages_are_delayed)
}

# ---- incidents

kinds=(be_killed be_killed be_killed be_frozen be_paused supervision_is_killed disk_is_full)
host_is_cut() {
    local host
    pick b c && host=$picked
    pick 1 5
    ns_cut "$host" && { sleep "$picked" && ns_mend "$host"; } && what="host $host is cut off for $picked s"
}
messages_are_delayed() {
    local host
    pick a b c && host=$(ns_of "$picked")
    ip netns exec "$host" tc qdisc add dev eth0 root netem delay 50ms 20ms && sleep 2
    ip netns exec "$host" tc qdisc del dev eth0 root && what="messages of host $picked take 50 ms for 2 s"
}
pick() { local list=("$@"); picked=${list[RANDOM % $#]}; }
below() { # PID: every process under it
    local child
    for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do echo "$child" && below "$child"; done
}
# choose: a process of the job, `victim` and `name`; of a stage under a launcher the launcher or a rank.
choose() {
    pick decode.0 decode.1 tokenize.0 image-encode text-decode loss image-encode text-decode loss
    name=$picked
    victim=$(cat "runs/disturbed/sockets/$name.pid" 2>/dev/null) || return
    pick "$victim" $(below "$victim")
    victim=$picked
}
be_killed() { choose && kill -KILL "$victim" 2>/dev/null && what="$name is killed"; }
# freeze [SECONDS]: for so long, while training goes on as it can.
freeze() {
    choose && kill -STOP "$victim" 2>/dev/null || return
    [[ ${1-} ]] && { { sleep "$1"; kill -CONT "$victim"; } 2>/dev/null & continued+=($!); }
    what="$name is frozen${1:+ for $1 s}"
}
be_paused() { freeze 1; }
# A worker is continued: another one does its work meanwhile, and the only one of its kind would be waited for.
be_frozen() {
    freeze || return
    [[ $name != *.* ]] || { { sleep 4; kill -CONT "$victim"; } 2>/dev/null & continued+=($!); }
}
supervision_is_killed() {
    pick "$pid" "$(head -n 1 <(below "$pid"))"
    allowed='137 4'
    kill -KILL "$picked" && what="coca-run's $([[ $picked == "$pid" ]] && echo guard || echo supervisor) is killed"
    ends # stages may do some more steps before they see it
}
ends() { # waits until the job is over
    local i
    for ((i = 0; i < 1500; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.02; done
}
disk_is_full() {
    [[ $small_disk ]] || return
    allowed='1'
    dd if=/dev/zero of="$small_disk/filler" bs=64k status=none 2>/dev/null
    what="the disk is full"
    ends
}

# incident: one that could be; `taken` gets its seconds.
incident() {
    local reached begun what=''
    until [[ $what ]]; do
        pick "${kinds[@]}"
        allowed='' begun=$(now)
        "$picked" || sleep 0.1
        reached=$(steps_of disturbed)
        ended && return 1
    done 2>/dev/null
    beyond $((reached + 3)) # one or two may be on their way
    taken+=($(($(now) - begun)))
    printf '%5.1f s  step %d: %s\n' "${taken[-1]}e-6" "$reached" "$what"
}

same() {
    local file
    diff <(numbers_of quiet) <(numbers_of disturbed) >/dev/null || fail "numbers of metrics.jsonl differ"
    for file in runs/quiet/checkpoints/step-$steps/*.safetensors; do
        cmp "$file" "runs/disturbed/checkpoints/step-$steps/${file##*/}" || fail "weights differ"
    done
}
# A run with incidents, which all come while there are steps left for their ends.
one_round() {
    local i next=0
    rm -rf runs/disturbed
    begin
    for ((i = 0; i < round && (minutes || ${#taken[@]} < incidents); i++)); do
        next=$((next + SPACING / 2 + RANDOM % (SPACING / 2)))
        beyond $next || break
        incident || break
    done
    beyond $((steps + 1)) || true
    same
}

# ---- all of it

mkdir runs
((EUID == 0)) && mount -t tmpfs -o size=48m chaos runs 2>/dev/null && small_disk=$PWD/runs
echo "seed $seed, $steps steps a run, replicas $replicas, checkpoints in memory every $memory steps, $((hosts ? 3 : 1)) hosts${small_disk:+, a small disk}"
train quiet --steps $steps --save-frequency 40 >quiet.log || { cat quiet.log; exit 1; }
((!hosts)) || over_hosts
RANDOM=$seed taken=() continued=() until=$((SECONDS + 60 * minutes)) rounds=0
while ((rounds++, minutes ? SECONDS < until || rounds == 1 : ${#taken[@]} < incidents)); do one_round; done
((${#continued[@]})) && wait "${continued[@]}" 2>/dev/null
sorted=($(printf '%s\n' "${taken[@]}" | sort -n))
printf '%d incidents: training was back after %.1f s (median), %.1f s (most); the same numbers and weights as undisturbed\n' \
    "${#taken[@]}" "${sorted[${#sorted[@]} / 2]}e-6" "${sorted[-1]}e-6"
