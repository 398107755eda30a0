#!/usr/bin/env bash
# Trains a tiny model for a long time and looks for what grows or gets lost: every process's resident memory, sampled into a
# file, as a straight line through the second half of its samples, in KiB an hour with the line's standard error; and
# messages that were malformed, asked for again or of an older generation.
#
#   tests/bench/soak.sh [--minutes N] [--replicas I,T] [--every SECONDS] [--limit KIB] [--out FILE] [OPTION ...]
#
# 60 minutes, replicas 2,2, a sample each 10 seconds; options are train.sh's. Exits 1 when a line rises by more than --limit
# (1024) KiB an hour and by more than twice its error; when a message was lost; or when training fails. In the first minutes
# pages that are touched for the first time, and the kernel's huge ones, look like growth.
set -uo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
BATS_TEST_DIRNAME=$here/../e2e
source "$BATS_TEST_DIRNAME/tiny.bash"
minutes=60 replicas=2,2 every=10 limit=1024 out=''
while [[ ${1-} == --@(minutes|replicas|every|limit|out) && $# -gt 1 ]]; do printf -v "${1#--}" %s "$2" && shift 2; done
out=$(realpath -m -- "${out:-soak.tsv}")
folder=$(mktemp -d) && cd "$folder" || exit
train=''
trap '[[ ! $train ]] || kill -TERM "$train" 2>/dev/null; wait; rm -rf "$folder"' EXIT

tiny_model model.json
tiny_captioned captioned.set 24 2>/dev/null
"$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name soak --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
    --train-data captioned.set --batch-size 16 --microbatch 4 --threads 1,1 --precision fp32 --save-frequency 500 \
    --seconds $((minutes * 60)) --replicas "$replicas" "$@" >log 2>&1 &
train=$!

# descendants: PID NAME RSS of every process below train.sh, which becomes the supervisor.
descendants() {
    ps -e -o pid=,ppid=,rss=,comm= | awk -v root=$train '
        { parent[$1] = $2; rss[$1] = $3; name[$1] = $4 }
        END { for (pid in parent) {
                  for (at = pid; at in parent && at != root; at = parent[at]);
                  if (at == root) print pid "\t" name[pid] "\t" rss[pid] } }'
}
printf 'seconds\tpid\tprocess\trss KiB\n' >"$out"
began=$SECONDS
while kill -0 $train 2>/dev/null; do
    descendants | sed "s/^/$((SECONDS - began))\t/" >>"$out"
    sleep "$every" & wait -n $! $train
done
wait $train
code=$?
train=''
((code == 0)) || { cat log; exit 1; }

tail -n +2 "$out" | awk -F'\t' -v limit="$limit" -v per=3600 -v unit=KiB -v each='an hour' -f "$here/slopes.awk" || bad=1
awk -F'\t' '
    { malformed += $13; repeated += $14; stale += $20 }
    END {
        printf "messages malformed %d, asked for again %d, of an older generation %d\n", malformed, repeated, stale
        exit malformed + repeated + stale > 0
    }' runs/soak/log/*.counters || bad=1
printf '%d steps; samples in %s\n' "$(wc -l <runs/soak/metrics.jsonl)" "$out"
exit "${bad:-0}"
