#!/usr/bin/env bash
# Trains as a job of Slurm: encoders on GPU nodes, workers on CPU nodes, each stage a job step.
#
#   cd cocaflow && sbatch [option of sbatch ...] pipelines/hosts/slurm.sh --name RUN [option of train.sh ...]
#
# Slurm warns two minutes before the time is over: the job makes a checkpoint, goes back into the queue, and resumes. So it does
# when a node fails or a stage was lost. The first component below is the encoders', the second the workers'; what stands behind
# sbatch, with " : " between the two, wins over both. slurm-one-node.sh is the same without components.
#
# COCA_HOME      the folder that holds pipelines/; else the one sbatch was called in
# COCA_MPI       openmpi or mpich: whose ranks srun starts, over PMIx or PMI-2 (srun --mpi=list); openmpi
# COCA_REQUEUES  how often a job may go back into the queue because a stage was lost: 3
#
#SBATCH --job-name=cocaflow --output=cocaflow-%j.log --open-mode=append
#SBATCH --requeue --signal=B:USR1@120
#SBATCH --nodes=1 --ntasks=2 --cpus-per-task=8 --mem-per-cpu=4G --gpus-per-node=2
#SBATCH hetjob
#SBATCH --nodes=1 --ntasks=16 --cpus-per-task=1 --mem-per-cpu=2G
set -uo pipefail

fail() { printf 'slurm.sh: error: %s\n' "${*:2}" >&2; exit "$1"; }
note() { printf 'slurm.sh: note: %s\n' "$*" >&2; }

# option NAME DEFAULT ARGUMENT ...: the value that the arguments give --NAME, the last of them.
option() {
    local name=$1 found=$2
    shift 2
    while (($#)); do
        case $1 in "--$name") found=${2-} ;; "--$name="*) found=${1#*=} ;; esac
        shift
    done
    echo "$found"
}

# ---- what stands where: steps of the two components

of_group() { # NAME COMPONENT DEFAULT: what Slurm says of a component
    local name=SLURM_$1_HET_GROUP_$2
    echo "${!name:-$3}"
}
# A step has the CPUs of its tasks, and memory by them, so that all find room beside each other.
step() { echo srun "--het-group=$1" --exact --kill-on-bad-exit=1 "--cpus-per-task=$(of_group CPUS_PER_TASK "$1" 1)" "${@:2}"; }
# ranks R: the words before a stage of so many ranks, which has as few nodes as they fit.
ranks() {
    local tasks nodes gpus words=()
    tasks=$(of_group NTASKS 0 1) nodes=$(of_group JOB_NUM_NODES 0 1) gpus=$(of_group GPUS_PER_NODE 0 0)
    nodes=$((($1 * nodes + tasks - 1) / tasks))
    ((gpus)) && words+=("--gres=gpu:$((($1 + nodes - 1) / nodes))")
    (($1 > 1)) && words+=("--mpi=$pmi")
    step 0 "--nodes=$nodes" "--ntasks=$1" "${words[@]}"
}
address_of() { scontrol show node "$1" | grep -o 'NodeAddr=[^ ]*' | cut -d= -f2; }

# spread ARGUMENT ...: the options of train.sh that spread the run over both components, into `options`.
spread() {
    local replicas image text head workers needed
    IFS=, read -ra replicas <<<"$(option replicas 1 "$@")"
    image=${replicas[0]} text=${replicas[1]-${replicas[0]}} head=${replicas[-1]}
    needed=$((image + text))
    [[ $(option task none "$@") == none ]] || needed=$((needed + head))
    (($(of_group NTASKS 0 1) >= needed)) || fail 2 "the first component has $(of_group NTASKS 0 1) tasks, and --replicas needs $needed"
    workers=$(($(of_group NTASKS 1 2) - $(option tokenize-workers 1 "$@")))
    ((workers > 0)) || fail 2 "the second component has $(of_group NTASKS 1 2) tasks: no room for a decode worker"
    options=(--workers "$workers" --keys "$(option runs "$home/runs" "$@")/.keys"
        --control "tcp://$(address_of "$SLURMD_NODENAME"):$((20000 + SLURM_JOB_ID % 10000))"
        --launch-image "$(ranks "$image")" --launch-text "$(ranks "$text")"
        --launch-head "$(ranks "$head")" --launch-worker "$(step 1 --nodes=1 --ntasks=1)")
}
make_keys() {
    local keys
    keys=$(option keys '' "${options[@]}" "$@")
    [[ -z $keys || -e $keys ]] || PATH=${COCA_BIN:-$home/build/bin}:$home/bin:$PATH coca-tap keys "$keys" || exit
}

# ---- the job

[[ -n ${SLURM_JOB_ID-} ]] || fail 2 "this is a job: submit it with sbatch"
home=${COCA_HOME:-$SLURM_SUBMIT_DIR} # Slurm runs a copy of this file
[[ -x $home/pipelines/train.sh ]] || fail 2 "$home has no pipelines/train.sh: submit from the folder that has, or set COCA_HOME"
case ${COCA_MPI:=openmpi} in
    openmpi) pmi=pmix ;;
    mpich) pmi=pmi2 ;;
    *) fail 2 "COCA_MPI=$COCA_MPI: it is openmpi or mpich" ;;
esac
export COCA_MPI
options=()
if [[ -n ${SLURM_HET_SIZE-} ]]; then
    spread "$@"
elif ((SLURM_JOB_NUM_NODES > 1)); then
    fail 2 "several nodes need two components, the encoders' and the workers': see the head of slurm.sh"
fi
make_keys "$@"

source "$home/pipelines/lib/requeue.sh"
run_or_requeue "the time is over: a checkpoint is made, and the job goes on when it is its turn" \
    "a stage was lost: begun again from the newest checkpoint" "$home/pipelines/train.sh" "${options[@]}" "$@" --resume latest
