#!/usr/bin/env bash
# Peak memory of every process of a training run beside what it announced at its start, for the default job's model and
# one in which weights and activations outgrow everything else. Exits 1 when one is more than LIMIT % away.
#
# A peak is the process's own memory (base/clock.h). The kernel counts resident pages on each core and adds them up now
# and then, so that a process of a MiB or two is known to about GRAIN MiB only.
set -uo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." || exit 1
export COCA_BIN=${COCA_BIN:-$PWD/${BUILD:-build}/bin}
[[ ${BUILD:-} == /* ]] && COCA_BIN=$BUILD/bin
limit=10 grain=0.5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/wide.json" <<'JSON'
{"family": "paper", "embed_dim": 384,
 "vision_cfg": {"image_size": 64, "patch_size": 8, "width": 384, "layers": 6, "head_width": 64, "mlp_ratio": 4,
    "attentional_pool": "cascade", "attn_pooler_queries": 32, "attn_pooler_heads": 6},
 "text_cfg": {"context_length": 16, "vocab_size": 2048, "width": 384, "heads": 6, "layers": 3, "mlp_ratio": 4,
    "embed_cls": true, "pad_id": 0, "bos_id": 1, "eos_id": 2},
 "multimodal_cfg": {"context_length": 16, "vocab_size": 2048, "width": 384, "heads": 6, "layers": 3, "mlp_ratio": 4}}
JSON

# train NAME MODEL BATCH STEPS [OPTION ...]
train() {
    pipelines/train.sh --runs "$work" --name "$1" --model "$2" --batch-size "$3" --steps "$4" --precision "$precision" \
        --tokenizer data/vocabulary/default.model --prompts data/prompts/default.txt \
        --train-data data/fashion-mnist/train::data/clipart/train --train-data-weights 1::1 "${@:5}" \
        >"$work/$1.out" 2>&1 ||
        { cat "$work/$1.out" >&2; exit 1; }
}

[[ -d data/clipart/train && -d data/fashion-mnist/train ]] || { echo "no data: run data/prepare.sh" >&2; exit 1; }
precision=fp32
grep -qw avx512_bf16 /proc/cpuinfo && precision=bf16
train tiny data/models/coca_tiny.json 128 20
train wide "$work/wide.json" 32 3 --workers 1

# Columns of the counters: see `coca-loss --help`, --counters.
for run in tiny wide; do
    for file in "$work/$run"/log/*.counters; do
        printf '%s\t%s\t%s\n' "$run" "$(basename "$file" .counters)" "$(tail -n 1 "$file" | cut -f 11,12)"
    done
done | awk -F'\t' -v limit="$limit" -v grain="$grain" -v precision="$precision" '
    BEGIN {
        printf "%-6s %-14s %10s %10s %9s   (%s)\n", "model", "process", "peak MiB", "announced", "off by", precision
    }
    {
        peak = $3 / 2^20; announced = $4 / 2^20; off = announced - peak; share = 100 * off / peak
        outside = (share > limit || share < -limit) && (off > grain || off < -grain)
        printf "%-6s %-14s %10.1f %10.1f %+8.1f%%%s\n", $1, $2, peak, announced, share, outside ? "  BEYOND" : ""
        beyond += outside; count++
    }
    END { printf "limit %g%%, or the measure'"'"'s grain of %g MiB: %s\n", limit, grain, beyond ? "FAILED" : "passed"
          exit beyond > 0 || count < 11 }'
