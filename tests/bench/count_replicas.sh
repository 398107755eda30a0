#!/usr/bin/env bash
# Counts what replicas exchange: a small model is trained by 1, 2 and 4 ranks of each encoder, and of each rank are shown bytes
# sent and received a step against 2(R - 1)/R of its part's numbers (f32: four bytes there, four back), messages a step, and the
# shares of its time. Below it stands what coca-loss --plan predicts, calibrated on the run of one rank.
#
#   tests/bench/count_replicas.sh [--steps N] [OPTION ...]          options are train.sh's
#
# On C cores the ranks of all stages share them: --gpus-per-host of the plan is C. Times mean something on a machine that has
# nothing else to do. Exits 1 when bytes are more than 1 % away from 2(R - 1)/R.
set -uo pipefail
BATS_TEST_DIRNAME=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../e2e
source "$BATS_TEST_DIRNAME/tiny.bash"
steps=20
[[ ${1-} == --steps ]] && steps=$2 && shift 2
folder=$(mktemp -d) && cd "$folder" || exit
trap 'rm -rf "$folder"' EXIT

cat >model.json <<'JSON'
{"family": "paper", "embed_dim": 128,
 "vision_cfg": {"image_size": 32, "patch_size": 4, "width": 192, "layers": 4, "head_width": 64, "mlp_ratio": 4,
    "attentional_pool": "cascade", "attn_pooler_queries": 16, "attn_pooler_heads": 3},
 "text_cfg": {"context_length": 16, "vocab_size": 36, "width": 192, "heads": 3, "layers": 6, "mlp_ratio": 4,
    "embed_cls": true, "pad_id": 0, "bos_id": 1, "eos_id": 2},
 "multimodal_cfg": {"context_length": 16, "vocab_size": 36, "width": 192, "heads": 3, "layers": 6, "mlp_ratio": 4}}
JSON
tiny_captioned captioned.set 60 2>/dev/null

train() {
    "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name "$1" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data captioned.set --batch-size 64 --microbatch 8 --steps "$steps" --precision fp32 --threads 1,1 \
        --replicas "$1" "${@:2}" >log 2>&1 || { cat log; exit 1; }
}
for replicas in 1 2 4; do train $replicas "$@"; done
measured=(--measured runs/1 --measured runs/2 --measured runs/4 --gpus-per-host "$(nproc)")
coca-loss --plan "${measured[@]}" --json >plan.json || exit

# RANKS ROLE NUMBERS, of each pair.
parts=$(jq -r '.plans[0] | ("image-encode", "text-decode") as $role | "\($role) \(.[$role].parameters)"' plan.json)
for replicas in 1 2 4; do
    while read -r role numbers; do
        awk -F'\t' -v R=$replicas -v N="$numbers" -v steps="$steps" 'NF { last[$2] = $0 } END {
            for (r = 0; r < R; r++) {
                split(last[r], c, "\t")
                ideal = 2 * (R - 1) / R * N * 4
                printf "%d\t%s\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\n", R, c[1], r, c[19] / steps, c[18] / steps, ideal,
                    c[17] / steps, 100 * c[4], 100 * (c[5] + c[6]), 100 * c[15]
            } }' "runs/$replicas/log/$role.counters"
    done <<<"$parts"
done >counted
{
    printf 'R\tstage\trank\tsent a step\treceived\t2(R-1)/R N\tmessages\tbusy %%\twaiting %%\texchanging %%\n'
    cat counted
} | awk -F'\t' '{ printf "%2s %-13s %5s %12s %12s %12s %9s %8s %10s %13s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 }'
echo
coca-loss --plan "${measured[@]}" | sed -n '/^[0-9]*,[0-9]*: runs/,$p'

# Of the ranks of a stage together: one that owns more sends less of gradients and more of values.
awk -F'\t' '$1 > 1 { sent[$1 " " $2] += $4; ideal[$1 " " $2] += $6 }
    END { for (k in sent) { off = sent[k] / ideal[k] - 1; bad += off > 0.01 || off < -0.01 }; exit bad > 0 || length(sent) != 4 }' counted ||
    { echo "bytes are more than 1 % away from 2(R - 1)/R N" >&2; exit 1; }
