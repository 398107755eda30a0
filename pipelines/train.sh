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
# RUN becomes runs/RUN beside pipelines/, or DIR/RUN with --runs DIR. Options of every stage, such as --record [STAGE:]EDGE=FILE
# and --stall-timeout SECONDS, are handed on. Exit codes: 0 done, 1 run-time failure, 2 bad usage, 3 bad data, 4 a stage was
# lost more often than --max-restarts says (go on with --resume latest); 130, 143 and 129 after SIGINT, SIGTERM (or SIGUSR1),
# SIGHUP and a clean drain.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/supervise.sh"

paths='keys' # coca-loss makes those of the run absolute
read_options "$@"
for record in "${job_settings[@]}"; do # a recording holds what travels in messages
    [[ $record =~ [=:](features|states)(-grad)?= ]] && options+=(--transport frames)
done
settings=$(coca-loss --prepare --runs "$COCA_HOME/runs" "${options[@]}" "${operands[@]}") || exit
[[ $settings == *run_dir=* ]] || { printf '%s\n' "$settings"; exit 0; } # --help
eval "$settings"

while read -r kind name count edges; do # the run's processes, as the table of stages has them
    arguments=()
    for edge in $edges; do
        recorded=recorded_${edge//-/_}
        arguments+=("--$edge" "${!recorded:-ipc://sockets/$edge}")
    done
    launch=()
    [[ $kind == stage && $count -gt 1 ]] && launch=(mpirun -n "$count")
    [[ $kind == workers ]] || count=''
    "$kind" "$name" $count "${launch[@]}" "coca-$name" "${arguments[@]}"
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
