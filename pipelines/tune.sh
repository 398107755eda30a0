#!/usr/bin/env bash
# Adapts a trained model to a task: a new head, an attentional pooler and a classifier, learns what the data say, and the encoders
# with it unless they are frozen (CoCa, sections 3.3 and 4.2).
#
#   pipelines/tune.sh --name RUN --task recognition|video|vqa|snli-ve|nlvr2 --pretrained DIR --train-data DIR --steps N [options]
#   pipelines/tune.sh --help                                                                              every option
#
#   recognition  a picture's class                     video    the class of --frames F of a video, together
#   vqa          answers to a question about it        snli-ve  whether a hypothesis about it holds: three classes
#   nlvr2        whether a statement about two pictures is true
#
#   --frozen            the head alone learns          --encoder-lr RATE   the encoders' rate, --lr is the head's
#   --co-caption        vqa: the caption loss on question and answer beside it (--coca-caption-loss-weight W, 1)
#   --settings FILE     options as JSON: data/tasks/*.json has the paper's, table by table; what is given here goes first
#
# All else is train.sh's: --val-data DIR --val-frequency STEPS measures checkpoints as eval.sh --task does, --resume goes on with
# the run's own task. The labels are --head-labels FILE, or classnames.txt or answers.txt of the training data. runs/RUN/model
# holds the whole model and the head; eval.sh --run RUN --task DIR measures it. Exit codes as train.sh's.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/supervise.sh"
train=$COCA_HOME/pipelines/train.sh
[[ ${1-} == --help || $# -eq 0 ]] && { usage; (($#)) && "$train" --help; exit $((!$# * 2)); }

paths=keys # as train.sh; coca-loss makes those of the run absolute
given=("$@")
read_options "$@"
take task task
take captioned 'co-caption'
take weight 'coca-caption-loss-weight'
take resumed resume
name='' runs=$COCA_HOME/runs arguments=()
take_value name name
take_value runs runs
if ((!${#resumed[@]})) || [[ ! -e $runs/$name/run.json ]]; then # a run that goes on knows its task and weights
    ((${#task[@]})) || fail 2 "--task says what the head learns: recognition, video, vqa, snli-ve or nlvr2"
    arguments=(--coca-contrastive-loss-weight=0)
    ((${#weight[@]})) || arguments+=(--coca-caption-loss-weight=$((${#captioned[@]} > 0)))
fi
for option in "${given[@]}"; do [[ $option == --co-caption ]] || arguments+=("$option"); done
exec "$train" "${arguments[@]}"
