#!/usr/bin/env bash
# Samples a second of coca-decode from a packed dataset, from the same pictures in their tar shards, and from these shards
# behind an HTTP server of this machine with a cache that is warm and without one: photos of 500 x 375, and thumbnails.
# In turns, the best of each. A decoder is one thread that waits for nobody while the shards are here, so the limits are of CPU
# seconds, which other work on the machine leaves alone; what a server costs the clock shows. Exits 1 below a limit.
#
#   tests/bench/bench_in_place.sh [PICTURES [TURNS]]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.."
build=${BUILD:-build}
[[ $build == /* ]] || build=$PWD/$build
PATH=$build/bin:$PATH
here_limit=0.9 cached_limit=0.8
pictures=${1:-800} turns=${2:-3}
((pictures % 32 == 0)) || { echo "a multiple of 32 pictures, please" >&2; exit 2; }
declare -A epochs=([photos]=1 [thumbnails]=20)
work=$(mktemp -d)
server=''
trap '[[ -z $server ]] || kill "$server"; rm -rf "$work"' EXIT
TIMEFORMAT='%U %S %R'

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
# decode KIND SET [OPTION ...]: CPU seconds, of the program and of the system, and seconds, in the order of training
decode() {
    { time coca-decode --images - --model coca_tiny --train-data "$work/$2" --batch-size 32 --microbatch 32 --seed 1 \
        --steps $((epochs[$1] * pictures / 32)) "${@:3}" >/dev/null 2>"$work/words" || cat "$work/words" >&2; } 2>&1
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
        printf '%d %s packed %s\n' $turn $set "$(decode $set $set)"
        printf '%d %s here %s\n' $turn $set "$(decode $set $set-here)"
        printf '%d %s cached %s\n' $turn $set "$(decode $set $set-served --cache "$work/cache" --cache-gib 4)"
        printf '%d %s served %s\n' $turn $set "$(decode $set $set-served)"
    done
done >"$work/times"

awk -v pictures="$pictures" -v photos="${epochs[photos]}" -v thumbnails="${epochs[thumbnails]}" -v here="$here_limit" \
    -v cached="$cached_limit" '
    $1 > 0 {
        if (!(($2, $3) in cpu) || $4 + $5 < cpu[$2, $3]) cpu[$2, $3] = $4 + $5
        if (!(($2, $3) in clock) || $6 < clock[$2, $3]) clock[$2, $3] = $6
    }
    END {
        limit["here"] = here; limit["cached"] = cached; samples["photos"] = photos * pictures
        samples["thumbnails"] = thumbnails * pictures
        for (s = 1; s <= split("photos thumbnails", sets); s++)
            for (w = 1; w <= split("packed here cached served", ways); w++) {
                set = sets[s]; way = ways[w]
                ratio = cpu[set, "packed"] / cpu[set, way]
                printf "%-10s %-6s %8.0f samples/CPU s %5.2f of packed%s; %8.0f samples/s by the clock, %5.2f\n", set, way,
                    samples[set] / cpu[set, way], ratio, (way in limit) ? sprintf(", limit %.2f", limit[way]) : "",
                    samples[set] / clock[set, way], clock[set, "packed"] / clock[set, way]
                if ((way in limit) && ratio < limit[way]) below = 1
            }
        exit below
    }' "$work/times"
