#!/usr/bin/env bash
# Evaluates the checkpoints of a run while it is trained: with --val-frequency, train.sh starts it beside the job.
#
#   pipelines/validate.sh RUN_DIRECTORY DATA EVERY STEP
#
# Whenever the newest checkpoint is EVERY steps beyond the last that was evaluated (STEP at first), and once more when the job is
# over, its losses and recall, or zero-shot accuracy where DATA has class names, or what its head is measured by, go to
# results.json with their step.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help || $# -ne 4 ]] && { usage; exit 2; }
run=$1 data=$2 every=$3 validated=$(($4 / $3 * $3))

# A copy by hard links outlives --keep; it lies as deep as a checkpoint, so that its model is found.
validate() {
    local copy=$run/validate/step-$2 tasks=(--losses "$data" --retrieval "$data")
    [[ -f $data/classnames.txt && -f $data/zeroshot_classification_templates.txt ]] && tasks=(--losses "$data" --zero-shot "$data")
    grep -q '"head_cfg"' "$run/model.json" && tasks=(--task "$data")
    mkdir -p "$run/validate" && cp -al "$1" "$copy" || return 0
    "$COCA_HOME/pipelines/eval.sh" --pretrained "$copy" "${tasks[@]}" --results "$run/results.json" --step "$2"
}
validate_newest() {
    local newest step
    newest=$(newest_checkpoint "$run") step=${newest##*-}
    [[ $newest ]] && ((step >= validated + every)) || return 0
    validated=$((step / every * every))
    validate "$newest" "$step"
    rm -rf "$run/validate"
}

rm -rf "$run/validate"
while read -r; do validate_newest; done < <(coca-await "$run/checkpoints" --until "$run/sockets/supervisor")
validate_newest
