#!/usr/bin/env bash
# Trains a model: five stages, one run directory.
#
#   pipelines/train.sh --name RUN --train-data DIR[::DIR...] --tokenizer FILE --steps N|--seconds S|--epochs N [options]
#   pipelines/train.sh --name RUN --images file:F --tokens file:F --steps N [options]      from recorded edges
#   pipelines/train.sh --help                                                              every option
#
# RUN becomes runs/RUN (--runs DIR for another folder than runs). Options of every stage, such as --record [STAGE:]EDGE=FILE and
# --stall-timeout SECONDS, are handed on. Exit codes: 0 done, 1 run-time failure, 2 bad usage, 3 bad data, 4 a stage was
# lost (go on with --resume latest), 130 and 143 after a signal and a clean drain.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/supervise.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/validate.sh"

take_stage_options "$@"
for record in "${!job_records[@]}"; do # a recording holds what travels in messages
    [[ $record =~ (^|:)features(-grad)?= ]] && job_arguments+=(--transport frames)
done
settings=$(coca-loss --prepare "${job_arguments[@]}") || exit
[[ $settings == *run_dir=* ]] || { printf '%s\n' "$settings"; exit 0; } # --help
eval "$settings"
job_open "$run_dir"

job_conductor=loss
while read -r kind name count edges; do # the run's processes, as the table of stages has them
    arguments=()
    for edge in $edges; do
        recorded=recorded_${edge//-/_}
        arguments+=("--$edge" "${!recorded:-ipc://sockets/$edge}")
    done
    [[ $kind == workers ]] || count=''
    "$kind" "$name" $count "coca-$name" "${arguments[@]}"
done <<<"${job%$'\n'}"
((val_frequency)) && validate_checkpoints "$val_data" "$val_frequency"

job_watch
code=$?
job_times
wait # for an evaluation that is under way
exit "$code"
