#!/usr/bin/env bash
# Runs a command on another host: `ssh HOST COMMAND` for the processes of a job. Words keep their blanks, and who loses the
# connection ends, on both sides. ssh.sh puts it before the stages that are elsewhere.
#
#   on.sh HOST COMMAND [ARGUMENT ...]
#   on.sh NAME=HOST[,HOST...] ... -- COMMAND ...   a worker coca-NAME, on the host that its number in --ready .../NAME.N.ready says
#
# HOST . is here. A worker elsewhere is not told of the run directory, which its host need not have: what it needs of that comes
# from --control. The exit code is the command's; 4 when it was ended by a signal or the host was lost.
#
# COCA_SSH  in place of `ssh -o BatchMode=yes`: words that take a host and a line for its shell
set -uo pipefail
read -ra ssh <<<"${COCA_SSH:-ssh -o BatchMode=yes}"

host_of_worker() { # NAME=HOST,... ... -- COMMAND ...
    local all=$* name number hosts word
    name=${all#* -- } name=${name%% *} name=${name##*/} name=${name#coca-}
    number=$(sed -n "s/.*[/ ]$name\.\([0-9]*\)\.ready.*/\1/p" <<<"$all")
    for word; do
        [[ $word == "$name="* ]] || continue
        IFS=, read -ra hosts <<<"${word#*=}"
        echo "${hosts[${number:-0} % ${#hosts[@]}]}"
        return
    done
    printf 'on.sh: error: no host for coca-%s among %s\n' "$name" "${all%% -- *}" >&2
    return 2
}

# without_files COMMAND ...: into `told`.
without_files() {
    told=()
    while (($#)); do
        case $1 in --run-dir | --ready | --counters) shift ;; *) told+=("$1") ;; esac
        shift
    done
}

worker=''
case ${1-} in
    *=*)
        worker=yes
        host=$(host_of_worker "$@") || exit
        while [[ $1 == *=* ]]; do shift; done
        ;;
    *) host=${1:?HOST COMMAND} ;;
esac
shift
[[ $host != . ]] || exec "$@" # here
told=("$@")
[[ -z $worker ]] || without_files "$@"

printf -v command '%q ' "${told[@]}"
printf -v line '%s ' "cd $(printf %q "$PWD") 2>/dev/null;" \
    "exec 3<&0 </dev/null; $command 3<&- & child=\$!;" \
    '{ cat <&3; kill $child; sleep 5; kill -9 $child; } >/dev/null 2>&1 & watch=$!;' \
    'wait $child; code=$?; kill $watch; exit $code'

# What the host reads ends with this process, however that ends.
"${ssh[@]}" "$host" "$line" < <(exec tail --pid=$$ -f /dev/null) &
child=$!
trap 'kill "$child" 2>/dev/null' TERM INT HUP USR1
wait "$child"
code=$?
case $code in
    255) printf 'on.sh: error: %s was lost, or cannot be reached: %s\n' "$host" "${ssh[*]} $host" >&2; exit 4 ;;
    129 | 130 | 143) exit "$code" ;;
esac
((code <= 128)) || code=4
exit "$code"
