#!/usr/bin/env bash
# Verifies and measures the CUDA backend, from a folder that `make dist` made, on a machine with a GPU, CUDA 13, bash, coreutils
# and python3, and nothing else.
#
#   tests/gpu/run.sh [--out DIR] [--seconds S] [--small] [PART ...]
#
# Side by side:
#   prepare    what the measurements read: recorded batches, JPEGs, their captions and vocabulary
#   compile    fills torch.compile's cache (needs torch and open_clip_torch)
#   ops        memory; every operation against the reference, and against itself for equal bits
#   model      golden models through the towers
#   nccl       a rank with itself, and two ranks where there are two GPUs
#   golden     golden models through the real processes
#   bits       two runs of coca_tiny alike; 200 steps within 1e-3 of the CPU's; image on the GPU and text on the CPU
#   memcheck   compute-sanitizer over golden models and operations
#   racecheck  the same for races in the kernels' shared memory
# Then one by one, alone on the machine:
#   speed      training throughput of coca_base and coca_large, and when in a step what is done
#   decode     the same from JPEGs and captions, by decoding and tokenizing workers
#   torch      open_clip's own step with PyTorch on the same card, as it is and with its blocks compiled
#   captions   captions a second, sizes of coca_ViT-L-14
#   profile    where the time of a step goes, by operation
#   attention  attention's kernels beside PyTorch's
#   contrast   memory and time of the contrastive loss of 65,536 pairs
#   larger     speed, with larger microbatches
#   mps        speed, with the Multi-Process Service, which lets both encoders' kernels run side by side
# When asked for:
#   torch_whole  open_clip's step compiled as a whole, which takes minutes
#   torch_large  open_clip's step at the sizes of coca_large
#
# --seconds (570) bounds it all; a part that no time is left for counts as failed, one whose tools are missing does not. --small
# runs everything at tiny sizes, on COCA_GPU_DEVICE (cuda:0), to try the script itself. COCA_TEST_REPEATS (12): random shapes of
# each operation. DIR gets summary.txt and log.txt. Exits 1 when a part failed.
set -uo pipefail
gpu=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
together=(prepare compile memcheck racecheck ops model nccl golden bits)
alone=(speed decode torch captions profile attention contrast larger mps)
more=(torch_whole torch_large) # only when asked for
declare -A limit=([prepare]=120 [compile]=180 [ops]=150 [model]=60 [nccl]=90 [golden]=90 [bits]=150 [memcheck]=170
    [racecheck]=170 [speed]=110 [decode]=110 [torch]=150 [captions]=60 [profile]=90 [attention]=60 [contrast]=40 [larger]=110 [mps]=60
    [torch_whole]=520 [torch_large]=320)
least=5 # seconds that a part is begun with
out=${TMPDIR:-/tmp}/coca-gpu seconds=570 GPU_SMALL=0 failed=0

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
usage() { echo "run.sh: $*; --help says how it is used" >&2; exit 2; }

while [[ ${1-} == --* ]]; do
    case $1 in
        --out) out=${2:?} && shift ;;
        --seconds) seconds=${2:?} && shift ;;
        --small) GPU_SMALL=1 ;;
        --help) sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; exit ;;
        *) usage "unknown option $1" ;;
    esac
    shift
done
for part in "$@"; do [[ -n ${limit[$part]-} ]] || usage "no part named $part"; done
asked=("$@")
(($#)) || asked=("${together[@]}" "${alone[@]}")

# ---- what the parts find in their environment

GPU_HOME=$(realpath "$gpu/../..")
if [[ -d $GPU_HOME/bin ]]; then # as `make dist` lays it out
    COCA_BIN=$GPU_HOME/bin GPU_UNIT=$GPU_HOME/test-programs/unit GPU_PROGRAMS=$GPU_HOME/test-programs/gpu
else
    COCA_BIN=${COCA_BIN:-$GPU_HOME/build/bin}
    GPU_UNIT=$COCA_BIN/../tests GPU_PROGRAMS=$COCA_BIN/../gpu
fi
GPU_DEVICE=cuda:0
((GPU_SMALL)) && GPU_DEVICE=${COCA_GPU_DEVICE:-cuda:0}
temporary=${TMPDIR:-/tmp}
roomy=$temporary # for recorded batches and runs: memory, where there is plenty of it
[[ $(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1) -gt 40000000 ]] && roomy=/dev/shm
GPU_WORK=$(mktemp -d "$roomy/coca-gpu.XXXXXX") caches=$(mktemp -d "$temporary/coca-gpu.XXXXXX") || exit 1
trap 'stop "$GPU_WORK"/log/*.pid; rm -rf "$GPU_WORK" "$caches"' EXIT
trap 'exit 143' TERM INT
mkdir -p "$out" "$GPU_WORK/log" && out=$(realpath "$out") || exit 1
: >"$out/log.txt" && : >"$out/summary.txt"

export GPU_HOME GPU_UNIT GPU_PROGRAMS GPU_DEVICE GPU_SMALL GPU_WORK COCA_BIN LC_ALL=C
export COCA_TEST_REPEATS=${COCA_TEST_REPEATS:-12} PATH=$COCA_BIN:$PATH:/usr/local/cuda/bin
export COCA_CUDA_CACHE=$caches/choices TORCHINDUCTOR_CACHE_DIR=$caches/inductor TRITON_CACHE_DIR=$caches/triton

# CUDA's libraries, wherever this machine has them.
libraries=$(ls -d /usr/local/cuda/lib64 /usr/local/cuda/targets/x86_64-linux/lib 2>/dev/null
    python3 -c 'import glob, site; [print(d) for s in site.getsitepackages() for d in glob.glob(s + "/nvidia/*/lib")]' 2>/dev/null)
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${libraries//$'\n'/:}

# ---- running them

# run_part PART: leaves its words in log/PART, and its exit code and seconds in log/PART.end.
run_part() {
    local part=$1 time=$((seconds - SECONDS)) begun=$SECONDS code
    ((time > limit[$part])) && time=${limit[$part]}
    if ((time < least)); then
        echo "no-time 0" >"$GPU_WORK/log/$part.end"
        return
    fi
    timeout -k 5 "$time" "$gpu/part.sh" "$part" >"$GPU_WORK/log/$part" 2>&1 &
    echo $! >"$GPU_WORK/log/$part.pid"
    wait $!
    code=$?
    stop "$GPU_WORK/log/$part.pid"
    ((code == 124)) && sleep 2 # until the GPU is free again
    echo "$code $((SECONDS - begun))" >"$GPU_WORK/log/$part.end"
}

# stop FILE ...: ends what is left of the parts whose process groups stand there. The stages of a run leave with its script.
stop() {
    local file
    for file in "$@"; do
        [[ -e $file ]] && kill -KILL -- "-$(<"$file")" 2>/dev/null
        rm -f "$file"
    done
}

# verdict PART CODE SECONDS
verdict() {
    case $2 in
        0) echo "passed" ;;
        77) grep -a '^not run: ' "$GPU_WORK/log/$1" | tail -n 1 ;;
        no-time) echo "not run: no time left" ;;
        124 | 137) echo "FAILED: it was stopped after $3 s" ;;
        *) echo "FAILED ($2)" ;;
    esac
}

# conclude PART: its verdict, and the end of its words when it failed; its figures go to the summary.
conclude() {
    local part=$1 log=$GPU_WORK/log/$1 code time
    read -r code time <"$log.end"
    touch "$log"
    { printf '\n== %s\n' "$part"; cat "$log"; } >>"$out/log.txt"
    { printf '%-10s %4d s  %s\n' "$part" "$time" "$(verdict "$part" "$code" "$time")"; sed -n 's/^= /    /p' "$log"; } >>"$out/summary.txt"
    say "$part: $(verdict "$part" "$code" "$time")"
    [[ $code == 0 || $code == 77 ]] && return
    failed=1
    {
        grep -av '^= ' "$log" | grep -aE 'FAILED|[Ee]rror|off by' | head -n 12
        tail -n 6 "$log"
    } | cut -c 1-200 | awk '!seen[$0]++'
}

wanted() { [[ " ${asked[*]} " == *" $1 "* ]]; }

{
    nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null || echo "no nvidia-smi here"
    echo "$(nproc) cores, work in $roomy, device $GPU_DEVICE"
} | tee -a "$out/summary.txt"
for part in "${together[@]}"; do wanted "$part" && run_part "$part" & done
wait
for part in "${together[@]}"; do wanted "$part" && conclude "$part"; done
for part in "${alone[@]}" "${more[@]}"; do wanted "$part" && run_part "$part" && conclude "$part"; done
printf '\n== summary\n'
cat "$out/summary.txt"
exit "$failed"
