#!/usr/bin/env bash
# The tasks of README's table, from the main job's model: every command that made its numbers, an hour and a half
# on two cores beside other jobs.
#
#   tests/bench/show_tasks.sh --pretrained DIR [--runs DIR] [TASK ...]      frozen tuned video base snli-ve nlvr2 vqa captions
#
# DIR is runs/default/model of ./run.sh. `base` goes on with emoji and clip-art, which snli-ve and captions begin from; nlvr2 begins
# from snli-ve's model, which knows already how a statement and a picture are compared. What is there is not trained again. Data:
# data/{video-motions,emoji,snli-ve-like,nlvr2-like,easy-vqa,meteor}.sh.
set -euo pipefail
home=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
data=$home/data runs=$home/runs/tasks pretrained=''
while [[ ${1-} == --* ]]; do
    case $1 in
        --pretrained) pretrained=$(realpath -- "$2") ;;
        --runs) runs=$(realpath -m -- "$2") ;;
        *) sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
    esac
    shift 2
done
[[ $pretrained ]] || { sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
(($#)) || set -- frozen tuned video base snli-ve nlvr2 vqa captions

# train SCRIPT NAME FROM OPTION ...: a run, unless it is there. tune NAME FROM TASK DATA OPTION ...
train() {
    [[ -e $runs/$2/model/open_clip_config.json ]] && return
    "$home/pipelines/$1.sh" --runs "$runs" --name "$2" --pretrained "$3" --precision bf16 "${@:4}"
}
tune() { train tune "$1" "$2" --task "$3" --train-data "$data/$4/train" "${@:5}"; }
measure() { "$home/pipelines/eval.sh" --runs "$runs" --run "$1" --task "$data/$2/test"; }
both=(--threads 1,1)     # the encoders side by side
alone=(--threads 2)      # the image encoder and the head
classes=(--head-labels "$data/fashion-mnist.classes.txt")
changed=(--aug-scale-low 0.5 --aug-flip 0.5 --rand-augment-layers 1 --rand-augment-magnitude 10)

for task; do
    case $task in
        frozen)
            tune frozen-first "$pretrained" recognition fashion-mnist "${classes[@]}" "${alone[@]}" --frozen --batch-size 128 \
                --steps 2000 --lr 3e-3 --warmup 50 --label-smoothing 0.1
            tune frozen "$runs/frozen-first/model" recognition fashion-mnist "${classes[@]}" "${alone[@]}" --frozen --batch-size 128 \
                --steps 2500 --lr 3e-3 --warmup 100
            measure frozen fashion-mnist
            ;;
        tuned)
            tune tuned-first "$pretrained" recognition fashion-mnist "${classes[@]}" "${alone[@]}" --batch-size 128 --steps 2000 \
                --lr 2e-3 --encoder-lr 5e-4 --warmup 100 --wd 0.05 --label-smoothing 0.1 --ema-decay 0.999
            tune tuned "$runs/tuned-first/model" recognition fashion-mnist "${classes[@]}" "${alone[@]}" --batch-size 128 --steps 1500 \
                --lr 1e-3 --encoder-lr 5e-4 --warmup 50 --wd 0.05 --label-smoothing 0.1 --ema-decay 0.999
            measure tuned fashion-mnist
            ;;
        video)
            tune video "$pretrained" video video-motions "${alone[@]}" --frames 8 --batch-size 32 --steps 600 --lr 2e-3 \
                --encoder-lr 5e-4 --warmup 50 --wd 0.05
            measure video video-motions
            ;;
        base)
            pairs=(--train-data "$data/emoji/train::$data/clipart/train" --train-data-weights 2::1 --batch-size 128 --lr 1e-3 --warmup 80
                --beta2 0.98 --grad-clip-norm 1 "${both[@]}")
            train train base-first "$pretrained" "${pairs[@]}" --steps 900 --wd 0.05
            train train base "$runs/base-first/model" "${pairs[@]}" "${changed[@]}" --steps 1500 --wd 0.1
            ;;
        snli-ve)
            tune snli-ve "$runs/base/model" snli-ve snli-ve-like "${both[@]}" "${changed[@]}" --batch-size 64 --steps 1200 --lr 2e-3 \
                --encoder-lr 2e-4 --warmup 80 --wd 0.1
            measure snli-ve snli-ve-like
            ;;
        nlvr2)
            tune nlvr2 "$runs/snli-ve/model" nlvr2 nlvr2-like "${both[@]}" "${changed[@]}" --batch-size 64 --steps 2200 --lr 1e-3 \
                --encoder-lr 3e-4 --warmup 80 --wd 0.1
            measure nlvr2 nlvr2-like
            ;;
        vqa)
            tune vqa-first "$pretrained" vqa easy-vqa "${both[@]}" --co-caption --batch-size 128 --steps 2000 --lr 2e-3 \
                --encoder-lr 1e-3 --warmup 100 --wd 0.05
            tune vqa-larger "$runs/vqa-first/model" vqa easy-vqa "${both[@]}" --image-size 42 --batch-size 128 --steps 900 --lr 1e-3 \
                --encoder-lr 1e-3 --warmup 50 --wd 0.05
            tune vqa-longer "$runs/vqa-larger/model" vqa easy-vqa "${both[@]}" --aug-scale-low 1 --batch-size 128 --steps 1300 \
                --lr 2e-3 --encoder-lr 2e-3 --warmup 100 --wd 0.05 --grad-clip-norm 1
            tune vqa "$runs/vqa-longer/model" vqa easy-vqa "${both[@]}" --aug-flip 0.5 --aug-scale-low 0.6 --batch-size 128 --steps 1000 \
                --lr 2e-3 --encoder-lr 1e-3 --warmup 80 --wd 0.1 --grad-clip-norm 1
            measure vqa easy-vqa
            ;;
        captions) "$home/tests/bench/nearest_captions.sh" "$runs/base/model" "$data/emoji/train" "$data/emoji/held-out" --num-beams 4 ;;
        *) echo "no task named $task" >&2; exit 2 ;;
    esac
done
