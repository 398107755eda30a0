#!/usr/bin/env bash
# Relabels shards as an array of Slurm's jobs, each a relabel.sh of its own on one node.
#
#   cd cocaflow && sbatch --array=0-15 [option of sbatch ...] pipelines/hosts/relabel-slurm.sh --pretrained DIR --from 'SHARDS' \
#       --to DIR [option of relabel.sh ...]
#
# Tasks claim shards in --to, which all nodes see: any number of them may begin, end, or come later, also by another sbatch of the
# same line. With COCA_PARTS=1 each does its own part instead (--part), for a --to that has no claims, as s3:// has none.
#
# Slurm warns two minutes before the time is over: the task gives up what it has begun, goes back into the queue, and goes on
# with what is left. So it does when a node fails or a stage was lost.
#
# COCA_HOME      the folder that holds pipelines/; else the one sbatch was called in
# COCA_PARTS     1: parts instead of claims
# COCA_REQUEUES  how often a task may go back into the queue because a stage was lost: 3
#
#SBATCH --job-name=relabel --output=relabel-%A_%a.log --open-mode=append
#SBATCH --requeue --signal=B:USR1@120
#SBATCH --array=0-3 --nodes=1 --ntasks=1 --cpus-per-task=16 --mem-per-cpu=4G --gpus-per-node=1
set -uo pipefail

fail() { printf 'relabel-slurm.sh: error: %s\n' "${*:2}" >&2; exit "$1"; }
note() { printf 'relabel-slurm.sh: note: %s\n' "$*" >&2; }

[[ -n ${SLURM_JOB_ID-} ]] || fail 2 "this is a job: submit it with sbatch"
home=${COCA_HOME:-$SLURM_SUBMIT_DIR} # Slurm runs a copy of this file
[[ -x $home/pipelines/relabel.sh ]] || fail 2 "$home has no pipelines/relabel.sh: submit from the folder that has, or set COCA_HOME"
part=()
if [[ ${COCA_PARTS:-0} != 0 ]]; then
    [[ -n ${SLURM_ARRAY_TASK_COUNT-} ]] || fail 2 "COCA_PARTS needs an array of tasks: sbatch --array=0-15"
    # Task numbers without gaps, or some shards would be nobody's.
    ((SLURM_ARRAY_TASK_MAX - SLURM_ARRAY_TASK_MIN + 1 == SLURM_ARRAY_TASK_COUNT)) ||
        fail 2 "COCA_PARTS needs an array without gaps, as --array=0-15 or 0-15%4"
    part=(--part "$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))/$SLURM_ARRAY_TASK_COUNT")
fi
source "$home/pipelines/lib/requeue.sh"
run_or_requeue "the time is over: what is left is gone on with when it is this task's turn" \
    "a stage was lost: gone on with what is left" "$home/pipelines/relabel.sh" "$@" "${part[@]}"
