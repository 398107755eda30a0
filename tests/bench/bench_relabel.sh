#!/usr/bin/env bash
# Relabelling: its rate against caption.sh's on the same pictures, in turns; five sampled captions a picture against one; and the
# memory of every process of a job of a million pictures. Exits 1 beyond a limit.
#
#   tests/bench/bench_relabel.sh [rate|five|million ...]      all of them
#
# rate and five are of coca_ViT-B-32 with random weights (MODEL, another preset). Rates are those of the whole chain between
# processes: what MANY (240) pictures take longer than FEW (48), so starting is not counted, the best of TURNS (2). They take
# about twenty minutes on two cores and are meaningful on an idle machine only; the CPU seconds a picture that are printed too say
# more on another. CLIP's vocabulary is downloaded (data/clip-vocabulary.sh) where it is not there yet.
#
# million is of a tiny model and of shards that are one, a thousand pictures, under many names. It ends after SECONDS_MILLION
# (120) with what it has, says how many pictures that were, and how many bytes each process's resident memory, and its job's folder
# with lists and logs, grew for a million of them, as a straight line through the second half of the samples.
set -uo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." || exit 1
home=$PWD build=${BUILD:-build}
[[ $build == /* ]] || build=$PWD/$build
export COCA_BIN=$build/bin
PATH=$COCA_BIN:$PATH
model=${MODEL:-coca_ViT-B-32} below=0 few=${FEW:-48} many=${MANY:-240} turns=${TURNS:-2}
work=$build/relabel_bench
microbatch=24 tokens=30
# Microbatch, tokens of a caption, limit. A picture's features and their keys cost 12 GFLOP, each token 0.26: five captions of 30
# tokens cost 2.6 times one, so captions a second become at most 1.9 times as many where both wait for arithmetic, of 11 tokens
# 2.9 times, of 6 tokens 3.4 times. What is more comes from weights that are read once for more rows, which counts where rows are
# few, and from words that captions begin with together.
fives=('24 30 1.7' '24 11 2.5' '1 30 3.2')
declare -A limit=([rate]=0.95)
GROWTH=4194304 # bytes a million pictures, where the line's error is smaller

fail() { echo "bench_relabel: $*" >&2; exit 1; }
job=''
folder=$(mktemp -d) || exit 1
leave() { [[ ! $job ]] || kill -TERM "$job" 2>/dev/null; wait; rm -rf "$folder"; }
trap leave EXIT

# ---- speed

# $work keeps what takes long to make.
make_model() {
    local words=$home/data/vocabulary/bpe_simple_vocab_16e6.txt.gz i
    if [[ -e $work/$model/open_clip_config.json ]]; then make_shards && return; fi
    data/clip-vocabulary.sh && make -s "${build#"$home/"}/gpu/make_photos" BUILD="$build" && rm -rf "$work" && mkdir -p "$work/photos" || return
    "$build/gpu/make_photos" "$work/photos" 1000 "$many" || return
    for i in "$work"/photos/*.jpg; do echo 'a picture of noise' >"${i%.jpg}.txt"; done
    coca-pack pack --from folder "$work/photos" --to "$work/data.set" 2>/dev/null &&
        pipelines/train.sh --runs "$work/runs" --name one --model "$model" --tokenizer "$words" --train-data "$work/data.set" \
            --batch-size 2 --microbatch 2 --steps 1 --precision fp32 --threads 2,2 >"$work/words" 2>&1 || { tail "$work/words"; return 1; }
    mv "$work/runs/one/model" "$work/$model" && rm -rf "$work/runs" "$work/data.set" && make_shards
}
make_shards() {
    local shard
    for shard in few many; do tar -cf "$work/$shard.tar" -C "$work/photos" $(ls "$work/photos" | head -n $((2 * ${!shard}))) || return; done
}
given() { words=(--pretrained "$work/$model" --precision fp32 --weights int8 --threads 2,2 --workers 1 --microbatch "$microbatch"
    --min-length $((tokens - 1)) --max-length "$tokens"); }
TIMEFORMAT='%R %U %S'
# seconds COMMAND ...: by the clock, and of the CPU
seconds() { { time "$@" >/dev/null 2>"$work/words"; } 2>&1 || { cat "$work/words" >&2; exit 1; }; }
caption() { # PICTURES
    local words photos=("$work"/photos/*.jpg)
    given
    printf '%s\n' "${photos[@]:0:$1}" | seconds pipelines/caption.sh "${words[@]}" --max-wait 10000
}
relabel() { # PICTURES OPTION ...
    local words shard=$work/many.tar
    (($1 == many)) || shard=$work/few.tar
    given
    rm -rf "$work/out"
    seconds pipelines/relabel.sh "${words[@]}" --from "$shard" --to "$work/out" "${@:2}"
}
# rate_of COMMAND OPTION ...: pictures a second, CPU seconds a picture
rate_of() {
    local short long
    short=$("$1" "$few" "${@:2}") && long=$("$1" "$many" "${@:2}") || exit 1
    awk -v more=$((many - few)) '{ printf "%.3f:%.3f\n", more / ($4 - $1), ($5 + $6 - $2 - $3) / more }' <<<"$short $long"
}
verdict() { # NAME RATIO TEXT
    printf '%-8s %s: %.3f times (limit %s)\n' "$1" "$3" "$2" "${limit[$1]}"
    awk "BEGIN { exit !($2 < ${limit[$1]}) }" && below=1
}
best() { printf '%s\n' "${@%:*}" | sort -g | tail -n 1; }
rate() {
    local ours=() theirs=() turn
    make_model || fail "no model"
    for ((turn = 0; turn < turns; turn++)); do
        theirs+=("$(rate_of caption)") && ours+=("$(rate_of relabel)") || exit 1
    done
    verdict rate "$(awk "BEGIN { print $(best "${ours[@]}") / $(best "${theirs[@]}") }")" \
        "relabel.sh (pictures/s:CPU s a picture) ${ours[*]}, caption.sh ${theirs[*]}"
}
five() {
    local shape
    make_model || fail "no model"
    for shape in "${fives[@]}"; do five_of $shape; done
}
five_of() { # MICROBATCH TOKENS LIMIT
    local one=() five=() turn sampled=(--sample --top-p 0.9) microbatch=$1 tokens=$2
    limit[five]=$3
    for ((turn = 0; turn < turns; turn++)); do
        one+=("$(rate_of relabel "${sampled[@]}")") && five+=("$(rate_of relabel "${sampled[@]}" --captions 5)") || exit 1
    done
    verdict five "$(awk "BEGIN { print 5 * $(best "${five[@]}") / $(best "${one[@]}") }")" \
        "microbatch $1, $2 tokens: captions/s of five a picture (pictures/s:CPU s a picture ${five[*]}) against one (${one[*]})"
}

# ---- memory

# PID NAME RSS of every process below the job, and what the job's folder takes of the disk.
descendants() {
    ps -e -o pid=,ppid=,rss=,comm= | awk -v root="$job" '
        { parent[$1] = $2; rss[$1] = $3; name[$1] = $4 }
        END { for (pid in parent) {
                  for (at = pid; at in parent && at != root; at = parent[at]);
                  if (at == root) print pid "\t" name[pid] "\t" rss[pid] * 1024 } }'
    [[ ! -d $(echo "$TMPDIR"/cocaflow.*) ]] || printf '0\tfiles of the job\t%s\n' "$(du -s -B 1 "$TMPDIR" | cut -f 1)"
}
million() {
    local i until pictures
    BATS_TEST_DIRNAME=$home/tests/e2e BATS_FILE_TMPDIR=$folder
    source tests/e2e/tiny.bash
    (tiny_trained) >"$folder/made" 2>&1 || { cat "$folder/made"; fail "no model"; }
    cd "$folder" && mkdir part shards tmp
    for ((i = 0; i < 1000; i++)); do
        ln captioned/0$((i % 9)).png "part/$(printf %04d $i).png"
    done
    tar -C part --sort=name --hard-dereference -cf shard.tar . && rm -r part
    for ((i = 0; i < 1000; i++)); do ln -s ../shard.tar "shards/$(printf %04d $i).tar"; done
    export TMPDIR=$folder/tmp
    "$home/pipelines/relabel.sh" --pretrained runs/made/model --from 'shards/*.tar' --to out --format jsonl --claim-expiry 4 \
        --precision fp32 --threads 1,1 --microbatch 64 >log 2>&1 &
    job=$!
    until=$((SECONDS + ${SECONDS_MILLION:-120}))
    while kill -0 $job 2>/dev/null && ((SECONDS < until)); do
        sleep 1
        pictures=$(coca-relabel status out --once --json --claim-expiry 4 2>/dev/null | jq .pictures) || continue
        descendants | sed "s/^/$pictures\t/" >>samples
    done
    if kill -0 $job 2>/dev/null; then
        kill -TERM $job && wait $job
    else
        wait $job || { tail log; fail "it left with $?"; }
    fi
    job=''
    slopes samples || below=1
    cd "$home" || exit 1
}
slopes() {
    printf 'million  %d pictures; resident memory, and how it grows with pictures:\n' "$(tail -n 1 "$1" | cut -f 1)"
    awk -F'\t' -v limit=$GROWTH -v per=1000000 -v unit=bytes -v each='a million' -f "$home/tests/bench/slopes.awk" "$1"
}

(($#)) || set -- rate five million
for what in "$@"; do "$what"; done
exit "$below"
