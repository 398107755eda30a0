#!/usr/bin/env bash
# One part of the verification on a GPU, in the environment that run.sh exports; run.sh lists the parts.
#
#   tests/gpu/part.sh PART
#
# Lines that begin with "= " are figures for the summary. Exits 0 when the part passed, 77 after a line "not run: REASON" when
# this machine lacks what it needs, and with another code when it failed.
set -uo pipefail
: "${GPU_WORK:?run.sh exports it, and more}"
gpu=$GPU_HOME/tests/gpu
cores=$(nproc)
precision=bf16
[[ $GPU_DEVICE == cuda* ]] || precision=fp32 # not every CPU has bf16
base=coca_base large=coca_large
steps=12 warm_up=4 photos=2048 decoders=10
caption_model=coca_ViT-L-14 caption_batch=256 caption_batches=24 caption_length=30
attention=(65536 20 64 128 256 512 1024) # rows, repeats, tokens
contrast=(65536 8192)                    # pairs, microbatch
bit_steps=200 profile_batch=128
torch_base=(base 128) torch_large=(large 64) # size and batch
if ((GPU_SMALL)); then
    base=coca_tiny large=coca_tiny
    steps=6 warm_up=2 photos=12 decoders=2
    caption_model=coca_tiny caption_batch=2 caption_batches=8 caption_length=8
    attention=(64 1 16 40)
    contrast=(64 16)
    bit_steps=4 profile_batch=4
    torch_base=(tiny 2) torch_large=(tiny 2)
fi

source "$gpu/inputs.bash"
source "$gpu/throughput.bash"

figure() { printf '= %s\n' "$@"; }
figures() { sed 's/^/= /'; }
not_run() { echo "not run: $*"; exit 77; }
has() { command -v "$1" >/dev/null; }
# has_torch [MODULE]: a small trial is content with a CPU.
has_torch() { python3 -c "import sys, torch, ${1:-torch}; sys.exit(not ($GPU_SMALL or torch.cuda.is_available()))" 2>/dev/null; }

part_prepare() {
    local pid pids=()
    (sizes "$base" && edges) & pids+=($!)
    (sizes "$large" && edges) & pids+=($!)
    (caption_edges) & pids+=($!)
    (dataset) & pids+=($!)
    for pid in "${pids[@]}"; do wait "$pid" || return; done
}

# ---- what is right

# unit PROGRAM [UNDER ...]: its tests on the GPU must have run. What it says is left in the file $words, too.
unit() {
    local code
    words=$(mktemp "$GPU_WORK/words.XXXXXX") && cd "$GPU_HOME/tests" || return
    "${@:2}" "$GPU_UNIT/$1" 2>&1 | tee "$words"
    code=${PIPESTATUS[0]}
    ((code == 0)) || return "$code"
    [[ $GPU_DEVICE == cpu ]] || ! grep -aq 'SKIPPED.*cuda' "$words"
}

# Where processes cannot share the GPU's memory, measurements go on with messages.
sharing() { unit ops/test_shared || { touch "$GPU_WORK/frames" && return 1; }; }

part_ops() { unit ops/test_open && sharing && unit ops/test_backends; }
part_model() { unit model/test_parity; }
part_nccl() {
    local code=0
    unit ranks/test_nccl || code=$?
    grep -aq '^no NCCL on GPU 0' "$words" && not_run "$(grep -am 1 '^no NCCL on GPU 0' "$words")"
    return $code
}

# sanitized TOOL PROGRAM OPTION ...: products without trials, so that each runs once.
sanitized() {
    local tool=$1 program=$2 code
    has compute-sanitizer || not_run "no compute-sanitizer here"
    COCA_CUDA_CACHE='' COCA_TEST_REPEATS=1 unit "$program" compute-sanitizer --tool "$tool" --error-exitcode 9 "${@:3}"
    code=$?
    grep -aq 'Device not supported' "$words" && not_run "compute-sanitizer does not support this machine's GPU"
    figure "$program: $(grep -ac '^\[       OK' "$words") tests passed; $(grep -a '=.* SUMMARY' "$words" | tail -n 1)"
    return $code
}

part_memcheck() { sanitized memcheck model/test_parity && sanitized memcheck ops/test_backends; }

# What cuBLAS does inside its kernels is no concern of this.
part_racecheck() {
    local name excluded=()
    for name in cublas cutlass gemm nvjet xmma; do excluded+=(--kernel-name-exclude "kns=$name"); done
    sanitized racecheck ops/test_backends "${excluded[@]}" && sanitized racecheck model/test_parity "${excluded[@]}"
}

part_golden() {
    mkdir -p "$GPU_WORK/golden" && cd "$GPU_WORK/golden" || return
    PARITY=$GPU_HOME/tests/parity TRAIN=$GPU_HOME/pipelines/train.sh PARITY_OPTIONS=(--device "$GPU_DEVICE")
    [[ $GPU_DEVICE == cpu ]] && PARITY_OPTIONS+=(--threads 1)
    source "$GPU_HOME/tests/parity/hold.bash"
    hold 2
}

losses() { grep -o '"loss": *[^,}]*' "$GPU_WORK/runs/$1/metrics.jsonl" | sed 's/.*: *//'; }

# near A B TOLERANCE: the losses of two runs, relatively.
near() {
    local words code
    words=$(paste <(losses "$1") <(losses "$2") | awk -v tolerance="$3" -v runs="$1 and $2" '
        { error = ($1 - $2) / $2; if (error < 0) error = -error; if (!(error <= worst)) worst = error }
        END { printf "worst relative difference of the loss, %s, %d steps: %g\n", runs, NR, worst
              exit !(NR > 0 && worst <= tolerance) }')
    code=$?
    figure "$words"
    return $code
}

# alike NAME OPTION ...: two runs have the same losses and weights.
alike() {
    local run
    for run in "$1" "$1-again"; do train "$run" "${@:2}" || return; done
    cmp <(losses "$1") <(losses "$1-again") || return
    cmp "$GPU_WORK/runs/$1/model/open_clip_model.safetensors" "$GPU_WORK/runs/$1-again/model/open_clip_model.safetensors" || return
    figure "two runs in $1: the same losses and weights, bit for bit"
}

part_bits() {
    local threads=$(((cores + 1) / 2)) folder
    local device_options=(--device "$GPU_DEVICE")
    export COCA_CUDA_CACHE=$GPU_WORK/bits-choices
    sizes coca_tiny
    ((GPU_SMALL)) || B=16 G=32
    steps=$bit_steps folder=$(edges) || return
    local options=(--images "file:$folder/images.rec" --tokens "file:$folder/tokens.rec" --model coca_tiny --batch-size "$G"
        --microbatch "$B" --steps "$bit_steps" --lr 1e-3 --grad-clip-norm 1)
    [[ $GPU_DEVICE == cpu ]] && device_options+=(--threads 1)
    train cpu "${options[@]}" --precision fp32 --threads $threads,$threads || return
    train mixed "${options[@]}" --precision fp32 --device "$GPU_DEVICE,cpu" --threads $threads,$threads || return
    alike fp32 "${options[@]}" --precision fp32 "${device_options[@]}" || return
    near fp32 cpu 1e-3 && near mixed cpu 1e-3 || return
    [[ $precision == fp32 ]] || alike bf16 "${options[@]}" --precision bf16 "${device_options[@]}"
}

# ---- how fast training is

# synthetic MODEL WORDS: from recorded pixels and tokens.
synthetic() {
    local folder
    folder=$(edges) && measure "synthetic-$1" "$1" "$2" --images "file:$folder/images.rec" --tokens "file:$folder/tokens.rec"
}

part_speed() { sizes $base && synthetic $base "" && sizes $large && synthetic $large ""; }

# More rows for the products of the text half.
part_larger() {
    sizes $base
    ((GPU_SMALL)) || B=256 G=512
    synthetic $base "" || return
    sizes $large
    ((GPU_SMALL)) || B=128 G=256
    synthetic $large ""
}

decoded() {
    measure "decoded-$1" "$1" "from JPEGs" --train-data "$GPU_WORK/dataset/data" --tokenizer "$GPU_WORK/dataset/words.model" \
        --workers $decoders --tokenize-workers 2
}

part_decode() { dataset && sizes $base && decoded $base && sizes $large && decoded $large; }

part_mps() {
    has nvidia-cuda-mps-control || not_run "no nvidia-cuda-mps-control here"
    export CUDA_MPS_PIPE_DIRECTORY=$GPU_WORK/mps CUDA_MPS_LOG_DIRECTORY=$GPU_WORK/mps
    mkdir -p "$GPU_WORK/mps" && nvidia-cuda-mps-control -d || return
    trap 'echo quit | nvidia-cuda-mps-control' EXIT
    sizes $base && synthetic $base "Multi-Process Service"
}

# One stage at a time on recorded edges, since two on one GPU take turns in each other's times.
part_profile() {
    local folder alone stage
    sizes $base
    B=$profile_batch G=$profile_batch
    folder=$(edges) && mkdir -p "$GPU_WORK/profile" && cd "$GPU_WORK/profile" || return
    alone=(--model "$base" --batch-size "$B" --microbatch "$B" --precision "$precision" --device "$GPU_DEVICE")
    train profile "${alone[@]}" --images "file:$folder/images.rec" --tokens "file:$folder/tokens.rec" --steps $steps --lr 1e-4 \
        --record image-encode:features-grad=df.rec --record image-encode:embeddings-grad=dei.rec \
        --record text-decode:features=f.rec --record text-decode:embeddings-grad=det.rec || return
    rm -r "$GPU_WORK/runs/profile"
    export COCA_PROFILE=$warm_up
    coca-image-encode "${alone[@]}" --images "file:$folder/images.rec" --features-grad file:df.rec --embeddings-grad file:dei.rec \
        2>image-encode || { cat image-encode; return 1; }
    coca-text-decode "${alone[@]}" --tokens "file:$folder/tokens.rec" --features file:f.rec --embeddings-grad file:det.rec \
        --features-grad file:out.rec 2>text-decode || { cat text-decode; return 1; }
    for stage in image-encode text-decode; do
        cat $stage
        figure "$stage of $base, microbatches of $B, alone, $((steps - warm_up)) steps:"
        sed -n '/^operation /,$p' $stage | sed -n '1,11p; /^between/p' | figures
    done
}

# ---- captions

# Through both stages, as in caption.sh, from the arrival of the fifth batch to that of the last.
part_captions() {
    local options encode code
    caption_edges && cd "$GPU_WORK/captions" || return
    options=(--model "$caption_model" --microbatch "$caption_batch" --precision "$precision" --device "$GPU_DEVICE" --peer-timeout 120
        "${transport[@]}")
    coca-image-encode "${options[@]}" --images file:images.rec --features ipc://features &
    encode=$!
    COCA_TRACE=1 coca-text-decode --generate "${options[@]}" --tokenizer words.model --features ipc://features \
        --captions file:captions.rec --max-length $caption_length --min-length $((caption_length - 1)) 2> >(stamped >decode.log)
    code=$?
    ((code == 0)) || kill $encode
    wait $encode || code=1
    wait
    grep -a '<- .*data' decode.log | awk -v size=$caption_batch -v model=$caption_model 'NR == 5 { begun = $1 } { last = $1 }
        END { if (NR <= 5) exit 1
              printf "= sizes of %s: %.0f captions/s in batches of %d\n", model, size * (NR - 5) / (last - begun), size }' || code=1
    ((code == 0)) || grep -av ' text-decode \(<-\|->\) ' decode.log
    return $code
}

# ---- parts of a step

part_attention() {
    local theirs=$GPU_WORK/attention.torch
    "$GPU_PROGRAMS/time_attention" "$GPU_DEVICE" "${attention[@]}" >"$GPU_WORK/attention" || return
    : >"$theirs"
    if has_torch; then python3 "$gpu/time_attention.py" "${attention[@]}" >"$theirs" || cat "$theirs"; fi
    figure "attention, ${attention[0]} rows, 12 heads; microseconds forward and backward; PyTorch's kernels beside ours"
    awk 'BEGIN { printf "%6s %5s %6s %17s %17s %17s %12s\n", "tokens", "width", "", "ours", "flash", "cudnn", "best/ours" }
        FILENAME == ARGV[1] { there[$1, $2 $3 $4] = $5; back[$1, $2 $3 $4] = $6; next }
        { key = $1 $2 $3; printf "%6d %5d %6s %8.0f %8.0f", $1, $2, $3 ? "causal" : "", $4, $5
          best = bestback = 0
          for (i = 1; i <= 2; i++) { name = i == 1 ? "flash" : "cudnn"
              if (!((name, key) in there)) { printf " %8s %8s", "-", "-"; continue }
              f = there[name, key]; b = back[name, key]; printf " %8.0f %8.0f", f, b
              if (!best || f < best) best = f
              if (!bestback || b < bestback) bestback = b }
          if (best) printf " %5.2f %5.2f", best / $4, bestback / $5
          print "" }' "$theirs" "$GPU_WORK/attention" | figures
    [[ -s $theirs ]] || figure "PyTorch's attention: not run: no torch with CUDA here"
}

# The smallest encoders that a contrastive loss of full width takes.
contrast_model='{"family": "paper", "embed_dim": 512,
 "vision_cfg": {"image_size": 8, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8, "mlp_ratio": 2,
    "attentional_pool": "cascade", "attn_pooler_queries": 1, "attn_pooler_heads": 2},
 "text_cfg": {"context_length": 4, "vocab_size": 36, "width": 16, "heads": 2, "layers": 1, "mlp_ratio": 2,
    "embed_cls": true, "pad_id": 0, "bos_id": 1, "eos_id": 2},
 "multimodal_cfg": {"context_length": 4, "vocab_size": 36, "width": 16, "heads": 2, "layers": 1, "mlp_ratio": 2}}'

# What loss needs for that many pairs, and its time from the last embedding to the first gradient.
part_contrast() {
    local folder
    G=${contrast[0]} B=${contrast[1]} image=8 T=4 V=36 steps=3 warm_up=1
    folder=$(edges) || return
    printf '%s\n' "$contrast_model" >"$GPU_WORK/contrast.json"
    COCA_TRACE=1 train contrast --images "file:$folder/images.rec" --tokens "file:$folder/tokens.rec" \
        --model "$GPU_WORK/contrast.json" --batch-size "$G" --microbatch "$B" --steps $steps --device "$GPU_DEVICE" --lr 1e-4 \
        2> >(stamped >"$GPU_WORK/contrast.trace")  || { grep -av ' loss \(<-\|->\) ' "$GPU_WORK/contrast.trace"; return 1; }
    sed -n "s/.*coca-loss: note: needs/contrastive loss of $G pairs, width 512: needs/p" "$GPU_WORK/contrast.trace" | figures
    awk -F'\t' '{ printf "= peak of its memory on the host: %.3f GiB\n", $11 / 2^30 }' "$GPU_WORK/runs/contrast/log/loss.counters"
    grep '(2, [0-9]*)' "$GPU_WORK/contrast.trace" | awk '
        / loss <- embeddings data/ { last = $1 } / loss -> embeddings-grad data/ && !first { first = $1 }
        END { if (!first) exit 1; printf "= from the last embedding to the first gradient: %.1f ms\n", 1000 * (first - last) }'
}

# ---- PyTorch

# open_clip SIZE BATCH SECONDS HOW [OPTION ...]
open_clip() {
    local words code
    words=$(timeout "$3" python3 "$gpu/open_clip_step.py" --size "$1" --batch "$2" --compile "$4" "${@:5}" 2>&1)
    code=$?
    printf '%s\n' "$words"
    ((code == 0)) || { figure "open_clip $1, --compile $4: no figure (exit $code)"; return $code; }
    awk -v ours="$(cat "$GPU_WORK/synthetic-coca_$1.rate" 2>/dev/null)" '/^open_clip .* samples\/s/ {
        match($0, /[0-9]+ samples/); theirs = substr($0, RSTART) + 0
        printf "= %s%s\n", $0, ours ? sprintf("; ours %.0f, %.2f times as fast", ours, ours / theirs) : "" }' <<<"$words"
}

needs_open_clip() { has_torch open_clip || not_run "no torch with CUDA and open_clip here"; }

# Fills the compiler's cache, so that what is timed later need not wait for it.
part_compile() { needs_open_clip && open_clip "${torch_base[@]}" 170 blocks --steps 1; }

part_torch() {
    local code=0
    needs_open_clip
    open_clip "${torch_base[@]}" 60 no || code=1
    open_clip "${torch_base[@]}" 90 blocks || code=1
    return $code
}

part_torch_whole() { needs_open_clip && open_clip "${torch_base[@]}" 500 whole; }
part_torch_large() { needs_open_clip && open_clip "${torch_large[@]}" 100 no && open_clip "${torch_large[@]}" 200 blocks; }

[[ $(type -t "part_${1-}") == function ]] || { echo "no part named ${1-}"; exit 2; }
"part_$1"
