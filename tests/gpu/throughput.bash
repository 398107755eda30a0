# Training runs and what they tell of their speed. Sourced by part.sh.

transport=()
[[ -e $GPU_WORK/frames ]] && transport=(--transport frames)
train_command=("$GPU_HOME/pipelines/train.sh" --runs "$GPU_WORK/runs" --peer-timeout 120 "${transport[@]}")

# train NAME OPTION ...: a run anew.
train() {
    rm -rf "$GPU_WORK/runs/${1:?}"
    "${train_command[@]}" --name "$@"
}

# stamped: stdin, the time before each line.
stamped() {
    local line
    while read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done
}

steps_done() { { cat "$GPU_WORK/runs/$1/metrics.jsonl" || :; } 2>/dev/null | wc -l; }

# used NAME: a line for each process of the run that is there: its role, and seconds of a CPU that it has used.
used() {
    local file role
    for file in "$GPU_WORK/runs/$1"/sockets/*.pid; do
        role=${file##*/}
        awk -v role="${role%%.*}" '{ sub(/.*\) /, ""); print role, ($12 + $13) / 100 }' "/proc/$(<"$file")/stat"
    done 2>/dev/null
}

# memory TRACE: of the GPU, what is taken now and what the stages announced.
memory() {
    local taken
    taken=$(nvidia-smi --query-gpu=memory.used --format=csv,noheader 2>/dev/null) || return 0
    awk -v taken="$taken" '/ needs [0-9.]+ GiB of its GPU/ { for (i = 1; $i != "needs"; i++); announced += $(i + 1) }
        END { printf "  GPU memory: %s taken, contexts of processes included; %.1f GiB announced\n", taken, announced }' "$1"
}

# train_steps NAME OPTION ...: a run that is ended as soon as its steps are done, since a large model's checkpoint takes longer
# than they. What loss traced goes to NAME.trace, CPU time behind the warm-up and at the end to NAME.used and NAME.used.end, the
# GPU's memory to NAME.memory.
train_steps() {
    local name=$1 at=$GPU_WORK/$1 pid
    rm -rf "$at".* "$GPU_WORK/runs/${name:?}" # what an earlier run did is no step of this one
    COCA_TRACE=1 "${train_command[@]}" --name "$@" --steps $((steps + 1)) 2> >(stamped >"$at.trace") &
    pid=$!
    until (($(steps_done "$name") >= steps)); do
        [[ ! -e $at.used ]] && (($(steps_done "$name") >= warm_up)) && { echo "$EPOCHREALTIME"; used "$name"; } >"$at.used"
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    { echo "$EPOCHREALTIME"; used "$name"; } >"$at.used.end"
    memory "$at.trace" >"$at.memory"
    kill $pid 2>/dev/null && sleep 1.1 && kill $pid 2>/dev/null # the second one, a second later, ends it at once
    wait $pid
    (($(steps_done "$name") >= steps)) && return
    grep -av ' loss \(<-\|->\) ' "$at.trace"
    return 1
}

# rate NAME: samples a second of the steps behind the warm-up.
rate() {
    sed 's/[{}",]//g' "$GPU_WORK/runs/$1/metrics.jsonl" | awk -v warm_up=$warm_up '
        { for (i = 1; i < NF; i++) value[$i] = $(i + 1) } NR > warm_up { seconds += 1 / value["samples_per_second:"]; count++ }
        END { printf "%.1f", count / seconds }'
}

# Model FLOPs of a sample, forward and backward, useful work only: 6 for each weight of a linear map and row that passes it, and
# 12·keys·width for each query of an attention (6·keys·width where it is causal). t: tokens of a caption, on average.
flops='function linear(rows, weights) { return 6 * rows * weights }
function sample(W, L, D, Lu, Lm, E, V, N, Q, t, patch,   f) {
    f = linear(N, 3 * patch * patch * W) + L * (linear(N, 12 * W * W) + 12 * N * N * W)
    f += linear(Q + N, 2 * W * D) + 12 * Q * N * D + linear(Q, 2 * D * D) + linear(1, D * E)
    f += Lu * (linear(t + 1, 12 * D * D) + 6 * (t + 1) * (t + 1) * D) + linear(1, D * E)
    f += Lm * (linear(t - 1, 14 * D * D) + linear(Q, 2 * D * D) + 6 * t * t * D + 12 * t * Q * D) + linear(t - 1, D * V)
    return f
}'

# throughput NAME WORDS: of the sizes that are set.
throughput() {
    awk -v rate="$(rate "$1")" -v words="$2" "$flops"'
        BEGIN { f = sample('"$W, $L, $D, $Lu, $Lm, $E, $V, $N, $Q, $T / 2, $patch"')
                printf "%s: %.0f samples/s, %.1f GFLOP a sample, %.1f%% of 989 TFLOP/s\n", words, rate, f / 1e9, 100 * rate * f / 989e12 }'
}

# timeline NAME: when loss had what, in a step behind the warm-up, and when the next one began.
timeline() {
    sed -n 's/^\([0-9.]*\) loss \(<-\|->\) \([a-z-]*\) \([a-z]*\) (\([0-9]*\), [0-9]*) \([a-z-]*\) .*/\5 \1 \2\3-\4-\6/p' \
        "$GPU_WORK/$1.trace" | awk -v warm_up=$warm_up -v last=$((steps - 1)) '
        BEGIN { events = "<-embeddings-data-text-decode <-embeddings-data-image-encode ->embeddings-grad-data-image-encode"
                count = split(events " <-control-norm-text-decode <-control-norm-image-encode next", event, " ")
                split("text embeddings,image embeddings,contrastive gradient,text gradients,image gradients,next step", word, ",") }
        $1 < warm_up || $1 > last { next }
        $3 == "->control-step-image-encode" { if ($1 - 1 in begun) at[$1 - 1, "next"] = $2 - begun[$1 - 1]; begun[$1] = $2 }
        $1 in begun { at[$1, $3] = $2 - begun[$1] }
        END { printf "  ms of a step:"
              for (i = 1; i <= count; i++) {
                  sum = n = 0
                  for (s in begun) if ((s, event[i]) in at) { sum += at[s, event[i]]; n++ }
                  if (n) printf "%s %s %.1f", (i > 1 ? "," : ""), word[i], 1000 * sum / n }
              print "" }'
}

# busy NAME: how many processes of each role there are, and the share of a CPU that each of them used behind the warm-up.
busy() {
    [[ -s $GPU_WORK/$1.used && -s $GPU_WORK/$1.used.end ]] || return 0
    awk 'FNR == 1 { time = $1 - time; next }
        FILENAME == ARGV[1] { used[$1] -= $2; count[$1]++; next }
        { used[$1] += $2; ended[$1]++ }
        END { for (role in count) if (ended[role] == count[role]) {
                  printf "%s%d x %s %.0f%%", n++ ? ", " : "  CPU used: ", count[role], role, 100 * used[role] / count[role] / time }
              if (n) print "" }' "$GPU_WORK/$1.used" "$GPU_WORK/$1.used.end"
}

# measure NAME MODEL WORDS OPTION ...
measure() {
    local name=$1 model=$2 words="$2, batch $G in microbatches of $B${3:+, $3}"
    train_steps "$name" --model "$model" --batch-size "$G" --microbatch "$B" --precision $precision --device "$GPU_DEVICE" --lr 1e-4 \
        "${@:4}" || return
    throughput "$name" "$words" | figures
    timeline "$name" | figures
    busy "$name" | figures
    figures <"$GPU_WORK/$name.memory"
    rate "$name" >"$GPU_WORK/$name.rate"
}
