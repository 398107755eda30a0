#!/usr/bin/env bash
# A training run through its processes against the same steps in one process without sockets (bench_pipeline.c), in
# turns, the best of each. Exits 1 below LIMIT or when the two do not end with the same loss.
#
#   tests/bench/bench_pipeline.sh [STEPS [TRAINING OPTION ...]]
#
# Meaningful on an idle machine only: where others compete for the cores, several processes get more of them than one
# does. CPU seconds per thousand samples are printed for that reason; start and end of a run are in them.
set -uo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." || exit 1
build=${BUILD:-build}
[[ $build == /* ]] || build=$PWD/$build
export COCA_BIN=$build/bin OMP_WAIT_POLICY=passive
limit=0.90 aim=0.95 turns=2 warm_up=5
steps=${1:-50}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT='%U %S'

[[ -d data/clipart/train && -d data/fashion-mnist/train ]] || { echo "no data: run data/prepare.sh" >&2; exit 1; }
precision=fp32
grep -qw avx512_bf16 /proc/cpuinfo && precision=bf16

# processes NAME [OPTION ...] -> "samples/s loss", CPU seconds in NAME.cpu
processes() {
    local name=$1
    shift
    { time pipelines/train.sh --runs "$work" --name "$name" --model data/models/coca_tiny.json --precision "$precision" \
        --tokenizer data/vocabulary/default.model --prompts data/prompts/default.txt \
        --batch-size 128 --steps "$steps" \
        --train-data data/fashion-mnist/train::data/clipart/train --train-data-weights 1::1 "$@" \
        >"$work/$name.out" 2>&1; } 2>"$work/$name.cpu" || { cat "$work/$name.out" >&2; exit 1; }
    sed 's/[{}",]//g' "$work/$name/metrics.jsonl" | awk -v warm_up="$warm_up" '
        { for (i = 1; i < NF; i++) value[$i] = $(i + 1); loss = value["loss:"] }
        NR > warm_up { seconds += 1 / value["samples_per_second:"]; count++ }
        END { printf "%.2f %.9g\n", count / seconds, loss }'
}

# one NAME: the steps of run NAME, all cores for every part whatever the run's stages have
one() {
    { time (cd "$work/$1" && "$build/bench/bench_pipeline" --threads "$(nproc),$(nproc)"); } 2>"$work/$1.one.cpu" || exit 1
}

shift
for ((turn = 0; turn < turns; turn++)); do
    many=$(processes "run$turn" "$@") || exit 1
    alone=$(one "run$turn") || { cat "$work/run$turn.one.cpu" >&2; exit 1; }
    cpu=$(tail -qn 1 "$work/run$turn.cpu" "$work/run$turn.one.cpu" | xargs)
    printf '%d %s %s %s\n' "$turn" "$many" "$alone" "$cpu"
done >"$work/results"

sed -n '/^process /,$p' "$work/run$((turns - 1)).out"
awk -v limit="$limit" -v aim="$aim" -v samples="$((steps * 128))" -v precision="$precision" '
    {
        if ($2 > many) many = $2
        if ($4 > alone) alone = $4
        difference = $3 > $5 ? $3 - $5 : $5 - $3
        if (difference > 1e-3 * $5) apart++ # other numbers of threads round otherwise
        printf "processes %6.1f samples/s, %5.2f CPU s per 1000; one process %6.1f, %5.2f; data %.1f%% of its time\n",
            $2, 1000 * ($7 + $8) / samples, $4, 1000 * ($9 + $10) / samples, 100 * $6
    }
    END {
        printf "coca_tiny, %s: %.1f and %.1f samples/s, ratio %.3f (limit %s, aim %s)%s\n", precision, many, alone,
            many / alone, limit, aim, apart ? "; the losses differ" : ""
        exit many < limit * alone || apart > 0
    }' "$work/results"
