#!/usr/bin/env bash
# Trains over hosts that ssh reaches: who runs where is a file, a line a stage.
#
#   pipelines/hosts/ssh.sh HOSTFILE --name RUN [option of train.sh ...]
#   pipelines/hosts/ssh.sh HOSTFILE --dry-run --name RUN [option ...]     prints the command, checks nothing
#
#   loss      a            # the host that this is started on, as the others know it; a:7000 with another port than 7000
#   image     a:2,b:2      # hosts of its ranks; without a number, one each
#   text      b
#   decode    c 4          # so many workers, 1 without a number; several lines are several hosts
#   decode    d 4
#   tokenize  c
#
# What is not in the file (head, label, tokenize, ...) runs here. The build is at the same path everywhere, hosts of ranks see the
# run directory and those of workers the data. Keys are made in RUNS/.keys, unless --keys or --insecure is given, and copied to hosts
# that do not see them.
# README.md beside this file says more.
#
# COCA_SSH  in place of `ssh -o BatchMode=yes`: words that take a host and a line for its shell
#
# Exit codes: train.sh's; 2 a host has another build or does not see the run directory, 3 the data, 4 it cannot be reached.
set -uo pipefail
hosts_dir=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
source "$hosts_dir/../lib/supervise.sh"
read -ra ssh <<<"${COCA_SSH:-ssh -o BatchMode=yes}"

# ---- the host file

declare -A ranks=() # of a stage: HOST or HOST:N, with commas between
declare -A places=() # of workers: a host for each, with commas between
stages='image text head' workers='decode tokenize label'

read_line() { # LINE STAGE HOSTS [COUNT]
    local where="$hostfile line $1" i
    [[ $# -eq 3 || $# -eq 4 && " $workers " == *" $2 "* ]] || fail 2 "$where: it is STAGE HOSTS, or WORKER HOST COUNT"
    [[ $3 =~ ^[[:alnum:]._:,@-]+$ ]] || fail 2 "$where: $3 is no list of hosts"
    if [[ " loss $stages " == *" $2 "* ]]; then
        [[ -z ${ranks[$2]-} ]] || fail 2 "$where: $2 has a line already"
        ranks[$2]=$3
    elif [[ " $workers " == *" $2 "* ]]; then
        [[ ${4-1} =~ ^[1-9][0-9]{0,3}$ ]] || fail 2 "$where: $4 is no number of workers"
        for ((i = 0; i < ${4-1}; i++)); do places[$2]+=${places[$2]:+,}$3; done
    else
        fail 2 "$where: $2 is none of loss, $stages, $workers"
    fi
}
read_hosts() {
    local number=0 line words
    [[ -r $hostfile ]] || fail 2 "$hostfile cannot be read"
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        read -ra words <<<"${line%%#*}"
        ((${#words[@]} == 0)) || read_line "$number" "${words[@]}"
    done <"$hostfile"
    [[ -n ${ranks[loss]-} ]] || fail 2 "$hostfile has no line \`loss HOST\`, of this host as the others know it"
    here=${ranks[loss]%:*} port=7000
    [[ ${ranks[loss]} != *:* ]] || port=${ranks[loss]##*:}
}
list() { tr ',' ' ' <<<"$1"; }
count_of() { # STAGE: its ranks
    local item count=0
    for item in $(list "${ranks[$1]-}"); do if [[ $item == *:* ]]; then count=$((count + ${item##*:})); else count=$((count + 1)); fi; done
    echo "$((count ? count : 1))"
}

# ---- what the hosts have

# ask HOST SCRIPT: runs it there; 255 when there is no coming to it.
ask() { if [[ $1 == "$here" ]]; then sh -c "$2"; else "${ssh[@]}" "$1" "$2" </dev/null; fi; }
check_build() { # HOST
    local build sum
    build=${COCA_BIN:-$COCA_HOME/build/bin}
    [[ -d $build ]] || build=$COCA_HOME/bin
    sum="cat $(printf %q "$build")/coca-* 2>/dev/null | cksum"
    theirs=$(ask "$1" "$sum") || fail 4 "$1 cannot be reached: \`${ssh[*]} $1 true\` must do without a password"
    [[ $theirs != "4294967295 0" ]] || fail 2 "$1 has no build in $build: build it there at the same path, or share the folder"
    [[ $theirs == "$(sh -c "$sum")" ]] || fail 2 "$1 has another build in $build: copy this one there"
}
check_runs() { # HOST
    ask "$1" "test -e $(printf %q "$probe")" ||
        fail 2 "$1 does not see $runs: run directories are on a file system that all hosts of ranks have; --runs DIR"
}
check_data() { # HOST
    local set
    for set in ${data//::/ }; do
        [[ $set == /* ]] || set=$PWD/$set
        ask "$1" "test -r $(printf %q "$set")" || fail 3 "$1 does not see --train-data $set: workers read it at the same path"
    done
}
each_host() { printf '%s\n' "$@" | tr ', ' '\n' | sed 's/:[0-9]*$//' | sort -u | grep -vFx -e "$here" -e ''; }
check_hosts() {
    local host
    probe=$runs/.seen.$$
    mkdir -p "$runs" && : >"$probe" || fail 1 "$runs cannot be written"
    trap 'rm -f "$probe"' EXIT
    for host in $(each_host "${ranks[@]}" "${places[@]}"); do check_build "$host"; done
    for host in $(each_host "${ranks[@]}"); do check_runs "$host"; done
    for host in $(each_host "${places[@]}"); do check_data "$host"; done
    rm -f "$probe"
}

# give_keys HOST: what connects from there needs, if it has no such folder.
give_keys() {
    local folder file
    folder=$(printf %q "$keys")
    ask "$1" "cat $folder/client.public 2>/dev/null" | cmp -s - "$keys/client.public" && return
    for file in client.public client.secret server.public; do
        "${ssh[@]}" "$1" "umask 077 && mkdir -p $folder && cat >$folder/$file" <"$keys/$file" || fail 1 "$1: $keys/$file cannot be written"
    done
}
share_keys() {
    local host
    [[ -e $keys ]] || coca-tap keys "$keys" || exit
    for host in $(each_host "${ranks[@]}" "${places[@]}"); do give_keys "$host"; done
}

# ---- the command

launch_stage() { # STAGE
    local hosts=${ranks[$1]-} count
    count=$(count_of "$1")
    if ((count > 1)); then
        command+=("--launch-$1" "mpirun -n $count --host $hosts")
    elif [[ -n $hosts && ${hosts%:*} != "$here" ]]; then
        command+=("--launch-$1" "$hosts_dir/on.sh ${hosts%:*}")
    fi
}
launch_workers() {
    local name where all=''
    ((${#places[@]})) || return 0
    for name in $workers; do
        where=,${places[$name]-.}, where=${where//,/,,}
        where=${where//",$here,"/,.,} where=${where//,,/,}
        all+=" $name=${where:1:-1}"
    done
    command+=(--launch-worker "$hosts_dir/on.sh$all --")
}
count_workers() { # NAME OPTION
    local list=${places[$1]-}
    [[ -z $list ]] || command+=("$2" "$(tr ',' '\n' <<<"$list" | wc -l)")
}
compose() {
    local name
    command=("$COCA_HOME/pipelines/train.sh" --control "tcp://$here:$port" "${options[@]}" "${job_options[@]}" "${job_settings[@]}")
    command+=(--replicas "$(count_of image),$(count_of text),$(count_of head)")
    count_workers decode --workers
    count_workers tokenize --tokenize-workers
    for name in $stages; do launch_stage "$name"; done
    launch_workers
}

case ${1-} in
    '') usage >&2; exit 2 ;;
    --help) usage; exit ;;
esac
hostfile=$1
shift
read_hosts
paths='keys|runs' flags+='|dry-run'
read_options "$@"
((${#operands[@]} == 0)) || fail 2 "${operands[0]} is no option"
dry=()
take dry dry-run
runs=$COCA_HOME/runs data='' keys='' secret=yes
for option in "${options[@]}" "${job_options[@]}"; do
    case $option in
        --runs=*) runs=${option#*=} ;;
        --train-data=*) data=${option#*=} ;;
        --keys=*) keys=${option#*=} ;;
        --insecure) secret='' ;;
    esac
done
[[ -n $keys || -z $secret ]] || { keys=$runs/.keys && job_options+=("--keys=$keys"); }
compose
if ((${#dry[@]})); then
    printf '%q ' "${command[@]}"
    exec echo
fi
check_hosts
[[ -z $keys ]] || share_keys
export OMPI_MCA_plm_rsh_agent=${ssh[*]} HYDRA_LAUNCHER=ssh HYDRA_LAUNCHER_EXEC=${ssh[0]}
exec "${command[@]}"
