#!/usr/bin/env bash
# slurm.sh for one node: all stages and workers on it, without components.
#
#   cd cocaflow && sbatch [option of sbatch ...] pipelines/hosts/slurm-one-node.sh --name RUN [option of train.sh ...]
#
#SBATCH --job-name=cocaflow --output=cocaflow-%j.log --open-mode=append
#SBATCH --requeue --signal=B:USR1@120
#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=16 --gpus-per-node=2
exec "${COCA_HOME:-$SLURM_SUBMIT_DIR}/pipelines/hosts/slurm.sh" "$@"
