#!/usr/bin/env bash
# Samples a second of coca-decode from a packed dataset, from the same pictures in their tar shards, and from these shards
# behind an HTTP server of this machine with a cache that is warm and without one: photos of 500 x 375, and thumbnails.
# In turns, the best of each. Exits 1 below a limit.
#
#   tests/bench/bench_in_place.sh [PICTURES [TURNS]]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.."
build=${BUILD:-build}
[[ $build == /* ]] || build=$PWD/$build
PATH=$build/bin:$PATH
here_limit=0.9 cached_limit=0.8
pictures=${1:-800} turns=${2:-3}
work=$(mktemp -d)
server=''
trap '[[ -z $server ]] || kill "$server"; rm -rf "$work"' EXIT
TIMEFORMAT=%R

# shards SET: its records in four tars, SET-shards/0.tar …; SET-here and SET-served are indexes of them.
shards() {
    local i part=$(((pictures + 3) / 4))
    mkdir "$work/$1-shards"
    for i in 0 1 2 3; do
        coca-pack export "$work/$1" --first $((i * part)) --limit $part --tar "$work/$1-shards/$i.tar"
    done
    coca-pack index "$work/$1-shards/*.tar" --to "$work/$1-here"
    coca-pack index "$url/$1-shards/{0..3}.tar" --to "$work/$1-served"
}
serve() {
    if command -v nginx >/dev/null; then
        local port=$((20000 + $$ % 10000))
        printf 'daemon off; pid %s/pid; error_log %s/error.log; events {}
            http { access_log off; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s;
            scgi_temp_path %s; keepalive_requests 1000000; server { listen 127.0.0.1:%d; root %s; } }\n' \
            "$work" "$work" "$work" "$work" "$work" "$work" "$work" $port "$work" >"$work/nginx.conf"
        chmod 755 "$work"
        nginx -c "$work/nginx.conf" -e "$work/error.log" &
        server=$! url=http://127.0.0.1:$port
        until curl -sf -o "$work/probe" "$url/nginx.conf"; do kill -0 $server; sleep 0.1; done
    else
        python3 tests/e2e/shard_server.py "$work" "$work/port" >/dev/null 2>&1 &
        server=$!
        until [[ -e $work/port ]]; do kill -0 $server; sleep 0.1; done
        url=http://127.0.0.1:$(<"$work/port")
    fi
}
# decode SET [OPTION ...]: seconds of two epochs in the order of training
decode() {
    { time coca-decode --images - --model coca_tiny --train-data "$work/$1" --batch-size 32 --microbatch 32 --seed 1 \
        --steps $((2 * pictures / 32)) "${@:2}" >/dev/null 2>"$work/words" || cat "$work/words" >&2; } 2>&1
}

"$build/bench/bench_in_place" "$work/pictures" "$pictures"
{
    serve
    coca-pack pack --from folder "$work/pictures" --to "$work/photos"
    coca-pack pack --from folder "$work/pictures" --resize 32 --quality 90 --to "$work/thumbnails"
    shards photos
    shards thumbnails
} 2>"$work/words" || { cat "$work/words" >&2; exit 1; }

for ((turn = 0; turn <= turns; turn++)); do # the first warms caches
    for set in photos thumbnails; do
        printf '%d %s packed %s\n' $turn $set "$(decode $set)"
        printf '%d %s here %s\n' $turn $set "$(decode $set-here)"
        printf '%d %s cached %s\n' $turn $set "$(decode $set-served --cache "$work/cache" --cache-gib 4)"
        printf '%d %s served %s\n' $turn $set "$(decode $set-served)"
    done
done >"$work/times"

awk -v samples=$((2 * pictures / 32 * 32)) -v here="$here_limit" -v cached="$cached_limit" '
    $1 > 0 && (!(($2, $3) in best) || $4 < best[$2, $3]) { best[$2, $3] = $4 }
    END {
        limit["here"] = here; limit["cached"] = cached
        for (s = 1; s <= split("photos thumbnails", sets); s++)
            for (w = 1; w <= split("packed here cached served", ways); w++) {
                ratio = best[sets[s], "packed"] / best[sets[s], ways[w]]
                printf "%-11s %-7s %8.0f samples/s  %5.2f of packed%s\n", sets[s], ways[w], samples / best[sets[s], ways[w]], ratio,
                    (ways[w] in limit) ? sprintf(", limit %.2f", limit[ways[w]]) : ""
                if ((ways[w] in limit) && ratio < limit[ways[w]]) below = 1
            }
        exit below
    }' "$work/times"
