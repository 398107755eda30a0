#!/usr/bin/env bash
# A trained model adapted to tasks (pipelines/tune.sh) and the same model adapted in PyTorch, on the same cores with the same first
# weights, samples, steps, schedule and optimizer: accuracy on the test data, and seconds of training. Exits 1 where the losses of
# the first steps are more than 1% apart: then the two do not train the same thing.
#
#   tests/bench/tasks_in_torch.sh --pretrained DIR [--steps N] [frozen|tuned|vqa|snli-ve|nlvr2|video ...] [-- OPTION ...]
#
#   frozen   Fashion-MNIST, the head alone. In PyTorch: the same from pixels; the head on states that were exported once; and
#            softmax regression on their means. The zero-shot accuracy of the model stands beside them.
#   tuned    Fashion-MNIST, the encoder too      vqa      easy-vqa, with the caption loss beside it
#   snli-ve  snli-ve-like                        nlvr2    nlvr2-like: both of emoji
#   video    video-motions, 8 frames of each
#
# --steps N: each task for so many, 20 to see that it works, 300 for a few minutes; without it the numbers of README's table, which
# take about an hour by its own estimate. OPTIONs go to tune.sh, and PyTorch follows the run's own record of them. $DATA has the datasets (data, where
# data/fashion-mnist.sh, easy-vqa.sh, snli-ve-like.sh, nlvr2-like.sh and video-motions.sh make them).
#
# PyTorch, two threads, has its samples in memory; ours decodes, crops and tokenizes on the same cores while it trains. Seconds are of
# the training steps: starting, measuring and exporting are not counted on either side.
#
# Sets up its own virtual environment in $VENV (build/tasks_venv) with PyTorch from PyPI; without a network it is skipped with a note.
# The samples of a task are up to 1 GB in $WORK (build/tasks_bench) and twice that in memory while they are exported. Meaningful on an
# idle machine only.
set -uo pipefail
home=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
build=$(realpath -m "${BUILD:-$home/build}")
venv=$(realpath -m "${VENV:-$build/tasks_venv}") work=$(realpath -m "${WORK:-$build/tasks_bench}") data=$(realpath -m "${DATA:-$home/data}")
export COCA_BIN=$build/bin
PATH=$COCA_BIN:$PATH
below=0

# How each task is trained, its data, and how many steps.
declare -A given=(
    [frozen]="--task recognition --frozen --lr 3e-3 --label-smoothing 0.1 --aug-scale-low 1 --threads 2"
    [tuned]="--task recognition --lr 2e-3 --encoder-lr 5e-4 --wd 0.05 --label-smoothing 0.1 --ema-decay 0.999 --threads 2"
    [vqa]="--task vqa --co-caption --lr 2e-3 --encoder-lr 1e-3 --wd 0.05 --threads 1,1"
    [snli-ve]="--task snli-ve --lr 2e-3 --encoder-lr 1e-3 --wd 0.05 --threads 1,1"
    [video]="--task video --frames 8 --batch-size 64 --microbatch 16 --lr 2e-3 --encoder-lr 5e-4 --wd 0.05 --threads 2"
    [nlvr2]="--task nlvr2 --lr 2e-3 --encoder-lr 1e-3 --wd 0.05 --threads 1,1 --microbatch 64"
)
declare -A set=([frozen]=fashion-mnist [tuned]=fashion-mnist [vqa]=easy-vqa [snli-ve]=snli-ve-like [nlvr2]=nlvr2-like [video]=video-motions)
declare -A steps=([frozen]=2000 [tuned]=3000 [vqa]=2000 [snli-ve]=1500 [nlvr2]=1500 [video]=600)
order=(frozen tuned vqa snli-ve nlvr2 video)

usage() { sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }
fail() { echo "tasks_in_torch.sh: error: $2" >&2; exit "$1"; }
set_up() {
    [[ -e $venv/ok ]] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q torch==2.13.0 numpy safetensors && touch "$venv/ok"; }
}
# logged COMMAND ...: its words are kept, and shown where it fails.
logged() { "$@" 2>>"$log" || { tail -n 20 "$log" >&2; fail 1 "${*:1:3} failed"; }; }

# ---- ours

tune() { # NAME PRETRAINED OPTION ...
    logged "$home/pipelines/tune.sh" --runs "$at/runs" --name "$1" --pretrained "$2" --train-data "$data/${set[$task]}/train" \
        --head-labels "$labels" --batch-size 128 "${settings[@]}" "${@:3}" >>"$log"
}
evaluate() { logged "$home/pipelines/eval.sh" "$@" | jq '.metrics | .acc1 // (.vqa_accuracy / 100)'; }
seconds_of_ours() { jq -s --slurpfile run "$at/runs/ours/run.json" 'map($run[0].options."batch-size" / .samples_per_second) | add' "$at/runs/ours/metrics.jsonl"; }

# ---- what PyTorch sees of it

tensors=(--tensor=ids --tensor=pixels --tensor=tokens --tensor=lengths --tensor=labels --tensor=shares --tensor=states)
# made FILE COMMAND ...: the recording that a command writes to stdout, as safetensors.
made() { logged "${@:2}" | logged coca-tap export - "${tensors[@]}" --out "$at/$1.safetensors" || exit 1; }
# worked PART EDGE OPTION ...: what a worker of the run makes; of PART train, the samples of all its steps.
declare -A worker=([images]=coca-decode [tokens]=coca-tokenize [labels]=coca-label)
worked() { made "$1.$2" "${worker[$2]}" --run-dir "$at/runs/ours" "--$2" - "${@:3}"; }
samples() { # EDGE ...
    local edge
    for edge; do
        worked train "$edge"
        worked test "$edge" --data "$data/${set[$task]}/test" --evaluate
    done
}
states() { # PART DATASET
    logged coca-decode --run-dir "$at/runs/ours" --images - --data "$data/$2" --evaluate --microbatch 500 |
        made "$1.states" coca-image-encode --pretrained "$at/runs/begin/model" --images - --states - --task recognition \
            --evaluate --microbatch 500 --threads 2 || exit 1
}

# ---- side by side

# line WHO ACCURACY MORE
line() { printf '%-8s %-48s accuracy %6.2f%%%s\n' "$task" "$1" "$(jq -n "$2 * 100")" "$3"; }
# theirs HOW NAME: beside the seconds of `ours`.
theirs() {
    local found apart=''
    found=$(OMP_WAIT_POLICY=passive logged "$venv/bin/python" "$home/tests/bench/tasks_in_torch.py" "$1" "$at") || exit
    if [[ $found == *apart* ]]; then
        apart=$(printf ', first losses apart by %.0e' "$(jq .apart <<<"$found")")
        jq -e '.apart < 0.01' <<<"$found" >/dev/null || below=1
    fi
    line "$2" "$(jq .accuracy <<<"$found")" \
        "$(printf ', %8.1f s, %6.2f times ours' "$(jq .seconds <<<"$found")" "$(jq ".seconds / $ours" <<<"$found")")$apart"
}
bench() {
    local at=$work/$task log=$work/$task.log count=${asked:-${steps[$task]}} edges=(images tokens labels) settings labels ours accuracy
    read -ra settings <<<"${given[$task]}"
    for labels in "$data/${set[$task]}/test"/{answers,classnames}.txt; do [[ ! -e $labels ]] || break; done
    [[ -e $labels ]] || { echo "$task: skipped: no dataset $data/${set[$task]}, which data/${set[$task]}.sh makes"; return; }
    rm -rf "$at"
    mkdir -p "$at"
    : >"$log"
    tune begin "$pretrained" --steps 1 "${extra[@]}" --lr 0
    tune ours "$at/runs/begin/model" --steps "$count" --warmup $((count / 20)) "${extra[@]}"
    ours=$(seconds_of_ours)
    accuracy=$(evaluate --run "$at/runs/ours" --task "$data/${set[$task]}/test") || exit
    line "ours, $count steps" "$accuracy" "$(printf ', %8.1f s' "$ours")"
    [[ ! ${given[$task]} =~ recognition|video ]] || edges=(images labels)
    samples "${edges[@]}"
    theirs whole "PyTorch, the same model"
    [[ $task != frozen ]] || frozen_more
    rm -f "$at"/*.safetensors
}
frozen_more() {
    local begun=$EPOCHREALTIME exported
    states all fashion-mnist/train
    exported=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $begun }")
    states test fashion-mnist/test
    worked all labels --data "$data/fashion-mnist/train" --evaluate
    theirs head "PyTorch, the head on states exported in $exported s"
    theirs probe "PyTorch, softmax regression on their means"
    accuracy=$(evaluate --pretrained "$pretrained" --zero-shot "$data/fashion-mnist/test") || exit
    line "ours, zero-shot" "$accuracy" ''
}

chosen=() extra=() pretrained='' asked=''
(($#)) || { usage; exit 2; }
while (($#)); do
    case $1 in
    --help) usage; exit 0 ;;
    --pretrained | --steps) (($# > 1)) || fail 2 "$1 needs a value" ;;&
    --pretrained) pretrained=$(realpath -m "$2"); shift ;;
    --steps) asked=$2; shift ;;
    --) extra=("${@:2}"); break ;;
    *) [[ ${set[$1]-} ]] || fail 2 "no task or option '$1'"; chosen+=("$1") ;;
    esac
    shift
done
[[ -e $pretrained/open_clip_config.json ]] || fail 2 "--pretrained DIR: a trained model of the paper family, with open_clip_config.json"
[[ ! $asked || $asked =~ ^[1-9][0-9]*$ ]] || fail 2 "--steps $asked: not a number of steps"
set_up || { echo "skipped: no virtual environment with PyTorch can be made here"; exit 0; }
mkdir -p "$work"
((${#chosen[@]})) || chosen=("${order[@]}")
for task in "${chosen[@]}"; do bench; done
exit "$below"
