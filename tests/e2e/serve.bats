#!/usr/bin/env bats
# pipelines/serve.sh and coca-ask: captions and embeddings for clients.

load tiny.bash
bats_require_minimum_version 1.5.0
SERVE=$BATS_TEST_DIRNAME/../../pipelines/serve.sh
CAPTION=$BATS_TEST_DIRNAME/../../pipelines/caption.sh
EMBED=$BATS_TEST_DIRNAME/../../pipelines/embed.sh

setup_file() { tiny_trained; }
setup() {
    tiny_setup
    tiny_given
}
teardown() {
    local file
    for file in cocaflow.*/sockets/*.pid; do [[ ! -e $file ]] || kill -KILL "$(<"$file")" 2>/dev/null || true; done
    tiny_teardown
}

# serve OPTION ...: in the background, until it answers.
serve() {
    server=ipc://$PWD/clients
    "$SERVE" "${given[@]}" --clients "$server" --microbatch 4 "$@" >server.log 2>&1 3>&- &
    pids+=($!)
    coca-ask --server "$server" --task status --timeout 30 || { cat server.log; return 1; }
}
ask() { coca-ask --server "$server" --timeout 20 "$@"; }
count() { ask --task status | tr -d '{},"' | sed "s/.*$1: \([0-9]*\).*/\1/"; }
stop() {
    local code=0
    kill -TERM "${pids[0]}"
    wait "${pids[0]}" || code=$?
    pids=()
    [ "$code" -eq 143 ] || { cat server.log; return 1; }
}

@test "serve: captions and both embeddings are those of caption.sh and embed.sh" {
    "$CAPTION" "${given[@]}" pictures/*.png | cut -f2 >captions
    "$EMBED" "${given[@]}" --out images.npy pictures/*.png
    "$EMBED" "${given[@]}" --out texts.npy --texts 'a red frog' bag
    serve
    ask pictures/*.png >asked || { cat server.log cocaflow.*/log/*.log; false; }
    cmp asked captions
    [ "$(ask - <pictures/04.png)" = "$(sed -n 5p captions)" ]
    ask --task image-embedding pictures/*.png | tr ' ' '\n' >numbers
    paste <(numbers images.npy) numbers | awk '{ d = $1 - $2; if (d > 1e-6 || d < -1e-6) exit 1; n++ } END { exit n != 144 }'
    ask --task text-embedding 'a red frog' bag | tr ' ' '\n' >numbers
    paste <(numbers texts.npy) numbers | awk '{ d = $1 - $2; if (d > 1e-6 || d < -1e-6) exit 1; n++ } END { exit n != 32 }'
    stop
    [ -z "$(ls -d cocaflow.* 2>/dev/null)" ]
}

@test "serve: several clients at once, each with its own answers; bad pictures harm nobody" {
    serve --tasks caption
    ask pictures/*.png >captions
    echo nonsense >bad.png
    for i in {0..5}; do
        { ask pictures/0"$i".png bad.png pictures/0$((i + 1)).png >"client.$i" 2>"words.$i" || echo $? >"code.$i"; } 3>&- &
        clients[i]=$!
    done
    wait "${clients[@]}"
    for i in {0..5}; do
        [ "$(<"code.$i")" -eq 3 ]
        [ "$(sed -n 1p "client.$i")" = "$(sed -n "$((i + 1))p" captions)" ]
        [ -z "$(sed -n 2p "client.$i")" ]
        [ "$(sed -n 3p "client.$i")" = "$(sed -n "$((i + 2))p" captions)" ]
        grep -q 'bad.png: ' "words.$i"
    done
    [ "$(count failed)" -eq 6 ]
    run ask missing.png
    [ "$status" -eq 3 ]
    run ask --task text-embedding frog
    [ "$status" -eq 3 ]
    [[ $output == *"no such task"* ]]
    [ "$(count malformed)" -eq 1 ]
    stop
}

@test "serve: a full queue refuses, and who asks again is answered" {
    serve --tasks caption --queue 2 --max-wait 200
    ask pictures/*.png pictures/*.png >twice
    [ "$(wc -l <twice)" -eq 18 ]
    cmp <(head -n 9 twice) <(tail -n 9 twice)
    [ "$(count refused)" -gt 0 ]
    [ "$(count waiting)" -eq 0 ]
    stop
}

@test "serve: a decoder that is killed is replaced, and a stage that is killed ends it with 4" {
    serve --tasks caption
    ask pictures/00.png >one
    kill -KILL "$(cat cocaflow.*/sockets/decode.0.pid)" "$(cat cocaflow.*/sockets/decode.1.pid)"
    ask pictures/00.png | cmp - one
    kill -KILL "$(cat cocaflow.*/sockets/text-decode.pid)"
    wait "${pids[0]}" || code=$?
    pids=()
    [ "$code" -eq 4 ]
}

@test "serve: what waits when TERM comes is answered" {
    serve --tasks caption --max-wait 2000
    { ask pictures/00.png pictures/01.png >late; } 3>&- &
    client=$!
    until [ "$(count waiting)" -eq 2 ]; do sleep 0.02; done
    stop
    wait "$client"
    [ "$(wc -l <late)" -eq 2 ]
}

@test "serve: beyond the host only with keys; a client without is left alone" {
    run "$SERVE" "${given[@]}" --tasks caption --clients tcp://0.0.0.0:5999
    [ "$status" -eq 2 ]
    [[ $output == *"--keys"* ]] || { echo "$output"; false; }
    coca-tap keys keys
    port=$((20000 + $$ % 20000))
    "$SERVE" "${given[@]}" --tasks caption --keys keys --clients "tcp://127.0.0.1:$port" >server.log 2>&1 3>&- &
    pids+=($!)
    server=tcp://127.0.0.1:$port
    ask --keys keys pictures/00.png
    run coca-ask --server "$server" --timeout 1 pictures/00.png
    [ "$status" -eq 4 ]
    run coca-ask --server tcp://203.0.113.1:5555 pictures/00.png
    [ "$status" -eq 2 ]
    stop
}
