#!/usr/bin/env bash
# Relabels small shards undisturbed, then with several claimants while their processes are killed at random moments and started
# again, and compares.
#
#   tests/fault/relabel_kills.sh [--kills N] [--seed S] [--shards N] [--pictures N] [--claimants N]
#
# N kills (50) of decoders, encoders, sinks and coca-run's own processes, one in about a third of a second, drawn from the seed (1), over 20
# shards of 8000 pictures with three claimants. Prints each kill, the time that one cost, and the verdict: 1 when a byte differs,
# when a shard was written again that was done, or when not all shards are done four minutes after the last kill.
set -uo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
kills=50 seed=1 shards=20 pictures=8000 count=3
usage() { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit "$1"; }
while (($#)); do
    case $1 in
        --kills) kills=$2 ;; --seed) seed=$2 ;; --shards) shards=$2 ;; --pictures) pictures=$2 ;; --claimants) count=$2 ;;
        --help) usage 0 ;; *) usage 2 >&2 ;;
    esac
    shift 2 || usage 2 >&2
done

BATS_TEST_DIRNAME=$here BATS_FILE_TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/relabel.XXXXXX")
load() { source "$here/$1"; }
load ../e2e/tiny.bash
load relabel.bash
kept=''
clean() {
    claimants_down
    [[ $kept ]] && { echo "what is left to look at: $BATS_FILE_TMPDIR" >&2; return; }
    cd / && rm -rf "$BATS_FILE_TMPDIR"
}
trap clean EXIT
trap 'exit 130' INT TERM
fail() { { echo "relabel_kills: $*"; tail -n 20 claimant.*.log; } >&2; kept=1; exit 1; }
seconds() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN {printf "%.1f", to - from}'; }

cd "$BATS_FILE_TMPDIR" && export TMPDIR=$PWD
relabel_data "$shards" "$pictures" >/dev/null 2>&1 || fail "no data"
begun=$EPOCHREALTIME
relabel_alone quiet >quiet.log 2>&1 || fail "undisturbed, it left with $?"
echo "one claimant, undisturbed: $(seconds "$begun") s"
begun=$EPOCHREALTIME
claimants "$count" several
until claimants_ended; do sleep 0.05; done
several=$(seconds "$begun")
echo "$count claimants, undisturbed: $several s"
same_shards quiet several || fail "$count claimants made something else"

RANDOM=$seed
done=0 begun=$EPOCHREALTIME
claimants "$count" killed
while ! claimants_ended && ((done < kills)); do
    sleep "0.$((RANDOM % 7))"
    finished_once killed || fail "a shard that was done was written again"
    kill_one
    [[ $killed ]] && echo "kill $((++done)), after $(seconds "$begun") s: $killed"
done
eventually claimants_ended || fail "not all shards are done"
took=$(seconds "$begun")
finished_once killed || fail "a shard that was done was written again"
same_shards quiet killed || fail "the shards differ"
awk -v took="$took" -v undisturbed="$several" -v kills="$done" 'BEGIN {
    printf "%d kills: %.1f s, %.2f s more a kill; the same bytes\n", kills, took, (took - undisturbed) / (kills ? kills : 1)}'
((done == kills)) || echo "relabel_kills: all was done before kill $((done + 1)): give more --pictures" >&2
