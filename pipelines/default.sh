#!/usr/bin/env bash
# The main job of ./run.sh: trains coca_tiny on the default data, evaluates it and shows captions.
#
#   pipelines/default.sh train|evaluate|captions [--runs DIR]
#
# Training ends with the samples that the accuracy needs (200,000), or after COCA_SECONDS (600) if the machine is slow. Beside
# the model two small ones are trained for comparison, DIR/text-only, which sees no picture, and DIR/untrained. What is
# there already is left as it is; a run that was interrupted goes on.
set -euo pipefail
home=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/..
cd "$home"
runs=$PWD/runs data=$PWD/data seconds=${COCA_SECONDS:-600} steps=3125 batch=64
[[ ${2-} == --runs && ${3-} ]] && runs=$(realpath -m -- "$3")
[[ $# -eq 1 || $# -eq 3 ]] || { sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

# bf16 where it is the faster type: with AMX, and on AMD's cores; Intel's AVX-512 alone multiplies it at half the rate of f32.
bf16_is_faster() {
    grep -qw amx_bf16 /proc/cpuinfo || { grep -qw avx512_bf16 /proc/cpuinfo && grep -q AuthenticAMD /proc/cpuinfo; }
}

# learn NAME SECONDS OPTION ...: a run, unless it is there.
learn() {
    local name=$1 precision=fp32
    bf16_is_faster && precision=bf16
    [[ -e $runs/$name/model/open_clip_config.json ]] && { echo "$runs/$name is there already; remove it to train again" >&2; return; }
    pipelines/train.sh --runs "$runs" --name "$name" --resume latest --max-seconds "$2" --precision "$precision" \
        --model coca_tiny --tokenizer "$data/vocabulary/default.model" --prompts "$data/prompts/default.txt" \
        --batch-size $batch --lr 8e-4 --lr-scheduler cosine --wd 0.05 --beta2 0.98 --grad-clip-norm 1 "${@:3}"
}

# perplexity NAME OPTION ...: of a run's model on the held-out texts; that of guessing stands behind it in the line.
perplexity() {
    pipelines/eval.sh --runs "$runs" --run "$1" --losses "$data/clipart/held-out" "${@:2}" 2>/dev/null |
        sed 's/.*"metrics".*"caption_perplexity": \([0-9.]*\).*"chance".*/\1/'
}

case $1 in
    train)
        printf '%s samples, or %s seconds if they take longer\n' $((steps * batch)) "$seconds" >&2
        learn default "$seconds" --steps $steps --warmup $((steps / 20)) \
            --train-data "$data/fashion-mnist/train::$data/clipart/train" --train-data-weights 1::1
        learn text-only "$((seconds / 4))" --steps 800 --warmup 40 --train-data "$data/clipart/train" \
            --coca-contrastive-loss-weight 0 --blank-images
        learn untrained "$seconds" --steps 1 --lr 0 --train-data "$data/clipart/train"
        ;;
    evaluate)
        pipelines/eval.sh --runs "$runs" --run default --zero-shot "$data/fashion-mnist/test" --retrieval "$data/clipart/held-out"
        printf 'perplexity of held-out clip-art texts: %.0f; of a model that sees no picture %.0f, of an untrained one %.0f\n' \
            "$(perplexity default)" "$(perplexity text-only --blank-images)" "$(perplexity untrained)"
        seen=$(wc -l <"$runs/default/metrics.jsonl")
        ((seen >= steps)) || printf 'trained on %s of %s samples, which is what this machine saw in time: COCA_SECONDS gives it more\n' \
            $((seen * batch)) $((steps * batch))
        ;;
    captions)
        pipelines/eval.sh --runs "$runs" --run default --caption "$data/shown" --pairs 16 --num-beams 4 --html "$runs/default/captions.html"
        ;;
    *) exit 2 ;;
esac
