#!/usr/bin/env bash
# Verifies and measures the CUDA backend, from a folder that `make dist` made, on a machine with a GPU, CUDA 13, bash, coreutils
# and python3, and nothing else.
#
#   tests/gpu/run.sh [--out DIR] [PART ...]
#
#   ops        memory; every operation against the reference, and against itself for equal bits
#   model      golden models through the towers
#   golden     golden models through the real processes
#   bits       two runs of coca_tiny alike; 200 steps within 1e-3 of the CPU's; image on the GPU and text on the CPU
#   speed      training throughput of coca_base and coca_large
#   mps        the same with the Multi-Process Service, which lets both encoders' kernels run side by side
#   profile    where the time of a step goes, by operation
#   captions   captions a second, sizes of coca_ViT-L-14 (needs open_clip_torch for its vocabulary)
#   sanitize   compute-sanitizer over the operations
#   torch      open_clip's own step with PyTorch on the same card (needs open_clip_torch)
#
# COCA_TEST_REPEATS (12): random shapes of each operation. Each part prints its verdict; logs go to DIR. Exits 1 when a part failed.
set -uo pipefail
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=${TMPDIR:-/tmp}/coca-gpu failed=0
[[ ${1:-} == --out ]] && { out=$2; shift 2; }
parts=("$@")
((${#parts[@]})) || parts=(ops model golden bits speed mps profile captions sanitize torch)
mkdir -p "$out" && out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COCA_TEST_REPEATS=${COCA_TEST_REPEATS:-12} COCA_BIN=$home/bin PATH=$home/bin:$PATH:/usr/local/cuda/bin LC_ALL=C

# CUDA's libraries, wherever this machine has them.
libraries=$(ls -d /usr/local/cuda/lib64 /usr/local/cuda/targets/x86_64-linux/lib 2>/dev/null
    python3 -c 'import glob, site; [print(d) for s in site.getsitepackages() for d in glob.glob(s + "/nvidia/*/lib")]' 2>/dev/null)
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$(tr '\n' ':' <<<"$libraries")

say() { printf '%6d s  %s\n' "$SECONDS" "$*"; }

# verdict PART SECONDS COMMAND ...: its output goes to a log, of which a failure shows the end.
verdict() {
    local part=$1 limit=$2 code
    shift 2
    timeout "$limit" "$@" >"$out/$part.log" 2>&1
    code=$?
    if ((code == 0)); then
        say "$part: passed"
    else
        failed=1
        say "$part: FAILED ($code)"
        grep -aE 'FAILED|ERROR|error|off by' "$out/$part.log" | sort -u | head -n 60
        tail -n 5 "$out/$part.log"
    fi
    return "$code"
}

# unit PROGRAM [UNDER ...]: its tests on the GPU must have run.
unit() {
    local words code
    cd "$home/tests" || return
    words=$("${@:2}" "$home/test-programs/unit/$1" 2>&1)
    code=$?
    printf '%s\n' "$words"
    ((code == 0)) && ! grep -q 'SKIPPED.*cuda' <<<"$words"
}

golden() {
    mkdir -p "$work/golden" && cd "$work/golden" || return
    PARITY=$home/tests/parity TRAIN=$home/pipelines/train.sh PARITY_OPTIONS=(--device cuda:0)
    source "$home/tests/parity/hold.bash"
    hold 2
}

# edges FOLDER SAMPLES SIZE T V MICROBATCH STEPS: recorded pixels and captions for so many steps.
edges() {
    local folder=$1 edge
    mkdir -p "$folder" || return
    python3 "$home/tests/gpu/make_batch.py" "$folder/batch.safetensors" "${@:2:4}" || return
    for edge in images tokens; do
        coca-tap import "$folder/batch.safetensors" --edge $edge --microbatch "$6" --steps "$7" --out "$folder/$edge.rec" || return
    done
}

# train NAME EDGES OPTION ...
train() {
    local name=$1 edges=$2
    shift 2
    rm -rf "$work/runs/$name"
    "$home/pipelines/train.sh" --runs "$work/runs" --name "$name" --images "file:$edges/images.rec" --tokens "file:$edges/tokens.rec" "$@"
}

losses() { grep -o '"loss": *[^,}]*' "$work/runs/$1/metrics.jsonl" | sed 's/.*: *//'; }

# near A B TOLERANCE: the losses of two runs, relatively.
near() {
    paste <(losses "$1") <(losses "$2") | awk -v tolerance="$3" '
        { error = ($1 - $2) / $2; if (error < 0) error = -error; if (error > worst) worst = error }
        END { print "worst relative difference of the loss in " NR " steps: " worst; exit !(NR > 0 && worst <= tolerance) }'
}

bits() {
    local options=(--model coca_tiny --batch-size 32 --microbatch 16 --steps 200 --precision fp32 --lr 1e-3 --grad-clip-norm 1)
    edges "$work/tiny" 32 28 16 2048 16 200 || return
    train cpu "$work/tiny" "${options[@]}" --threads 8,8 || return
    train cuda "$work/tiny" "${options[@]}" --device cuda:0 || return
    train again "$work/tiny" "${options[@]}" --device cuda:0 || return
    train mixed "$work/tiny" "${options[@]}" --device cuda:0,cpu --threads 8,8 || return
    near cuda cpu 1e-3 && near mixed cpu 1e-3 || return
    cmp <(losses cuda) <(losses again) || return
    cmp "$work/runs/cuda/model/open_clip_model.safetensors" "$work/runs/again/model/open_clip_model.safetensors"
}

# rate NAME: samples a second of the steps behind the first four.
rate() {
    sed 's/[{}",]//g' "$work/runs/$1/metrics.jsonl" | awk '
        { for (i = 1; i < NF; i++) value[$i] = $(i + 1) } NR > 4 { seconds += 1 / value["samples_per_second:"]; count++ }
        END { printf "%.1f", count / seconds }'
}

# Model FLOPs of a sample, forward and backward, useful work only: 6 for each weight of a linear map and row that passes it, and
# 12·keys·width for each query of an attention (6·keys·width where it is causal). t: tokens of a caption, on average.
flops='function linear(rows, weights) { return 6 * rows * weights }
function sample(W, L, D, Lu, Lm, E, V, N, Q, t,   f) {
    f = linear(N, 3 * 18 * 18 * W) + L * (linear(N, 12 * W * W) + 12 * N * N * W)
    f += linear(Q + N, 2 * W * D) + 12 * Q * N * D + linear(Q, 2 * D * D) + linear(1, D * E)
    f += Lu * (linear(t + 1, 12 * D * D) + 6 * (t + 1) * (t + 1) * D) + linear(1, D * E)
    f += Lm * (linear(t - 1, 14 * D * D) + linear(Q, 2 * D * D) + 6 * t * t * D + 12 * t * Q * D) + linear(t - 1, D * V)
    return f
}'

# speed_of MODEL WIDTH LAYERS D B G
speed_of() {
    local model=$1 G=$6 B=$5
    edges "$work/speed" "$G" 288 64 64000 "$B" 14 || return
    train "$model" "$work/speed" --model "$model" --batch-size "$G" --microbatch "$B" --steps 14 --precision bf16 \
        --device cuda:0 --lr 1e-4 --peer-timeout 120 || return
    awk -v rate="$(rate "$model")" -v W="$2" -v L="$3" -v D="$4" -v name="$model, batch $G in microbatches of $B" "$flops"'
        BEGIN { f = sample(W, L, D, 12, 12, 512, 64000, 256, 256, 32)
                printf "%s: %.0f samples/s, %.1f GFLOP a sample, %.1f%% of 989 TFLOP/s\n", name, rate, f / 1e9, 100 * rate * f / 989e12 }'
}

# The larger microbatches give the text half's products more rows.
speed() {
    speed_of coca_base 768 12 768 128 384 && speed_of coca_large 1024 24 1024 64 192 &&
        speed_of coca_base 768 12 768 256 512 && speed_of coca_large 1024 24 1024 128 256
}

mps() {
    local code
    export CUDA_MPS_PIPE_DIRECTORY=$work/mps CUDA_MPS_LOG_DIRECTORY=$work/mps
    mkdir -p "$work/mps" && nvidia-cuda-mps-control -d || return
    speed_of coca_base 768 12 768 128 384
    code=$?
    echo quit | nvidia-cuda-mps-control
    return $code
}

# One stage at a time on recorded edges, since two on one GPU take turns in each other's times.
profile() {
    local B=128 alone
    cd "$work" && edges "$work/speed" $B 288 64 64000 $B 10 || return
    train profile "$work/speed" --model coca_base --batch-size $B --microbatch $B --steps 10 --precision bf16 --device cuda:0 \
        --lr 1e-4 --peer-timeout 120 --record image-encode:features-grad=df.rec --record image-encode:embeddings-grad=dei.rec \
        --record text-decode:features=f.rec --record text-decode:embeddings-grad=det.rec || return
    alone=(--model coca_base --batch-size $B --microbatch $B --precision bf16 --device cuda:0)
    export COCA_PROFILE=4
    coca-image-encode "${alone[@]}" --images file:speed/images.rec --features-grad file:df.rec --embeddings-grad file:dei.rec || return
    coca-text-decode "${alone[@]}" --tokens file:speed/tokens.rec --features file:f.rec --embeddings-grad file:det.rec \
        --features-grad file:out.rec
}

large='{"embed_dim": 768, "vision_cfg": {"image_size": 224, "layers": 24, "width": 1024, "patch_size": 14, "attentional_pool": true,
    "attn_pooler_heads": 8, "output_tokens": true},
 "text_cfg": {"context_length": 76, "vocab_size": 49408, "width": 768, "heads": 12, "layers": 12, "embed_cls": true, "output_tokens": true},
 "multimodal_cfg": {"context_length": 76, "vocab_size": 49408, "width": 768, "heads": 12, "layers": 12, "attn_pooler_heads": 12},
 "custom_text": true}'

# Through both stages, as in caption.sh.
captions() {
    local options vocabulary encode code
    mkdir -p "$work/captions" && cd "$work/captions" || return
    printf '%s\n' "$large" >large.json
    vocabulary=$(python3 -c 'import importlib.util as u; print(u.find_spec("open_clip").submodule_search_locations[0])') || return
    edges . 6144 224 76 49408 256 1 || return
    options=(--model large.json --microbatch 256 --precision bf16 --device cuda:0 --peer-timeout 120)
    coca-image-encode "${options[@]}" --images file:images.rec --features ipc://features &
    encode=$!
    COCA_TRACE=1 coca-text-decode --generate "${options[@]}" --tokenizer "$vocabulary/bpe_simple_vocab_16e6.txt.gz" \
        --features ipc://features --captions file:captions.rec --max-length 30 --min-length 29 \
        2> >(while read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done >decode.log)
    code=$?
    wait "$encode" || code=1
    wait
    # From the arrival of the fifth batch to that of the last.
    grep '<- .*data' decode.log | awk 'NR == 5 { begun = $1 } { last = $1 } { print }
        END { if (NR <= 5) exit 1
              printf "%.0f pictures/s in batches of 256\n", 256 * (NR - 5) / (last - begun) }' || code=1
    return $code
}

sanitize() { unit ops/test_backends compute-sanitizer --error-exitcode 9 --tool memcheck; }

torch() {
    python3 "$home/tests/gpu/open_clip_step.py" --size base --batch 128 && echo "compiled:" &&
        python3 "$home/tests/gpu/open_clip_step.py" --size base --batch 128 --compile
}

show() { grep -aE "$2" "$out/$1.log" | tail -n "${3:-8}"; }

nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
for part in "${parts[@]}"; do
    case $part in
        ops) verdict ops 120 bash -c "$(declare -f unit); home='$home'; unit ops/test_open && unit ops/test_shared && unit ops/test_backends" ;;
        model) verdict model 60 bash -c "$(declare -f unit); home='$home'; unit model/test_parity" ;;
        golden | bits | speed | mps | profile | captions | sanitize | torch)
            export home work out flops large
            verdict "$part" 240 bash -c "$(declare -f unit golden edges train losses near bits rate speed_of speed mps profile captions sanitize torch); $part"
            case $part in
                bits) show bits 'worst' ;;
                speed | mps) show "$part" 'samples/s, ' ;;
                profile) show profile '^[a-z].* +[0-9]+.*%' 60 ;;
                captions) show captions 'pictures/s' ;;
                torch) show torch 'open_clip|compiled' ;;
            esac ;;
        *) say "no part named $part"; failed=1 ;;
    esac
done
exit "$failed"
