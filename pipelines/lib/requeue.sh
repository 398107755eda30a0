# A job of Slurm that goes back into the queue by itself. Sourced by scripts that have `note`.
#
#   run_or_requeue WARNED LOST COMMAND ...   runs the command and leaves with its code. Slurm's warning, USR1, is passed on: when
#                       the command then ends by it, or with 4, a stage was lost, the job goes into the queue, saying so

run_or_requeue() {
    local warned=$1 lost=$2 told='' interrupted='' code command restarts=${SLURM_RESTART_COUNT:-0}
    trap 'told=1 interrupted=1; kill -USR1 "$command" 2>/dev/null' USR1
    "${@:3}" &
    command=$!
    while interrupted=''; wait "$command"; code=$?; [[ -n $interrupted ]]; do :; done # a signal ends the wait, not the command
    if ((code == 143)) && [[ -n $told ]]; then
        requeue "$warned"
    elif ((code == 4 && restarts < ${COCA_REQUEUES:-3})); then
        requeue "$lost, time $((restarts + 1))"
    fi
    exit "$code"
}
requeue() { note "$*"; scontrol requeue "$SLURM_JOB_ID"; }
