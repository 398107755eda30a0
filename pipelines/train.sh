#!/usr/bin/env bash
# Trains a model: five stages, one run directory.
#
#   pipelines/train.sh --name RUN --train-data DIR[::DIR...] --tokenizer FILE --steps N|--seconds S|--epochs N [options]
#   pipelines/train.sh --name RUN --images file:F --tokens file:F --steps N [options]      from recorded edges
#   pipelines/train.sh --help                                                              every option
#
# --pretrained DIR begins a new run from weights, with its own schedule and warm-up; --image-size PIXELS then has pictures of
# another size, as the paper's end phase of 576 after 288, and position embeddings are resampled to it (--resample).
#
# Over hosts, stages find each other by the address of the conductor, which runs here:
#
#   --control tcp://HOST:PORT     HOST is this host as the others know it; beyond loopback with --keys DIR (coca-tap keys)
#   --listen HOST                 name, address or interface by which each host is reached, when not the one that leads to control
#   --launch-image CMD, --launch-text CMD, --launch-head CMD, --launch-worker CMD
#                                 words before a stage's command, such as 'ssh b' or 'mpirun -n 2 --host a,b'; without them
#                                 --replicas above 1 are started by mpirun here
#   --print-worker decode|tokenize|label   prints the command of one worker more, for a shell on any host, and ends
#
# RUN becomes runs/RUN beside pipelines/, or DIR/RUN with --runs DIR. Options of every stage, such as --record [STAGE:]EDGE=FILE
# and --stall-timeout SECONDS, are handed on. Exit codes: 0 done, 1 run-time failure, 2 bad usage, 3 bad data, 4 a stage was
# lost more often than --max-restarts says (go on with --resume latest); 130, 143 and 129 after SIGINT, SIGTERM (or SIGUSR1),
# SIGHUP and a clean drain.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/supervise.sh"
source "$COCA_HOME/pipelines/lib/hosts.sh"

paths='keys' # coca-loss makes those of the run absolute
read_options "$@"
take job_options listen
take_hosts
[[ -z $print_worker ]] || { take_value name name && print_worker "${name-}"; exit; }
for record in "${job_settings[@]}"; do # a recording holds what travels in messages
    [[ $record =~ [=:](features|states)(-grad)?= ]] && options+=(--transport frames)
done
settings=$(coca-loss --prepare --runs "$COCA_HOME/runs" "${options[@]}" "${operands[@]}") || exit
[[ $settings == *run_dir=* ]] || { usage; printf '\n%s\n' "$settings"; exit 0; } # --help
eval "$settings"

# EDGE: a recording, control's own address, or a socket of the run directory. Over hosts the rest is said on control.
address_of() {
    local recorded=recorded_${1//-/_}
    if [[ ${!recorded:-} ]]; then echo "${!recorded}"
    elif [[ $1 == control ]]; then echo "${control:-ipc://sockets/control}"
    elif [[ $control != tcp://* ]]; then echo "ipc://sockets/$1"; fi
}
while read -r kind name count edges; do # the run's processes, as the table of stages has them
    arguments=() ranks=$count
    if [[ $kind != workers ]]; then count=''; else
        ranks=1
        [[ $control != tcp://* ]] || edges=control
    fi
    for edge in $edges; do
        address=$(address_of "$edge")
        [[ -z $address ]] || arguments+=("--$edge" "$address")
    done
    launched "$name" "$ranks" "coca-$name"
    "$kind" "$name" $count "${launch[@]}" "${arguments[@]}"
done <<<"${job%$'\n'}"
((val_frequency)) && side validate nice -n 19 "$COCA_HOME/pipelines/validate.sh" "$run_dir" "$val_data" "$val_frequency" "${first_step:-0}"

again prepare "restarts=$max_restarts" coca-loss --prepare --again "--runs=${run_dir%/*}" "--name=${run_dir##*/}"

# Defaults for Open MPI: more ranks than it counts slots, each with the threads that --threads says on any core, and root, as
# containers are.
export OMPI_MCA_rmaps_base_oversubscribe=${OMPI_MCA_rmaps_base_oversubscribe-1}
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy-none}
((EUID)) || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

job_dir=$run_dir
job_run --conductor loss --times
