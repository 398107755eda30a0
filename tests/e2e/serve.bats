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

# listens ADDRESS: a server of captions there answers, and says nothing of leaving the host.
listens() {
    "$SERVE" "${given[@]}" --tasks caption --clients "$1" >server.log 2>&1 3>&- &
    pids+=($!)
    coca-ask --server "$1" --task status --timeout 30 || { cat server.log; return 1; }
    refute grep encrypt server.log
    stop
}

@test "serve: localhost and [::1] are this host; other spellings are told what is wrong" {
    port=$((20000 + $$ % 20000))
    listens "tcp://localhost:$port"
    [[ $(</proc/net/if_inet6) != *00000001* ]] || listens "tcp://[::1]:$port"
    for address in '[::]:5999' '*:5999' '[::ffff:10.0.0.1]:5999'; do
        run "$SERVE" "${given[@]}" --tasks caption --clients "tcp://$address"
        [ "$status" -eq 2 ]
        [[ $output == *"leaves this host unencrypted"*"--keys"* ]] || { echo "$output"; false; }
    done
    for address in ::1:5999 '[::1]' localhost localhost:0 '[::1]:65536' 'localhost:*' '[1]:80'; do
        run coca-ask --server "tcp://$address" --task status
        [ "$status" -eq 2 ]
        [[ $output == *"tcp://HOST:PORT"* || $output == *"IPv6 address"* ]] || { echo "$output"; false; }
    done
}

@test "serve: a picture that is too large is refused by name, before it is sent; the others are answered" {
    serve --tasks caption --max-picture-bytes 20000
    ask pictures/00.png pictures/01.png >two
    truncate -s 70M large.jpg
    run --separate-stderr ask pictures/00.png large.jpg pictures/01.png
    [ "$status" -eq 3 ]
    [ "$output" = "$(sed -n 1p two)"$'\n\n'"$(sed -n 2p two)" ]
    [[ $stderr == *"large.jpg: has 73400320 bytes, more than 20000 (the server's --max-picture-bytes)"* ]]
    run --separate-stderr ask - <large.jpg
    [ "$status" -eq 3 ]
    [[ $stderr == *"more than 20000 bytes"* ]]
    stop
}

@test "caption, embed: a file that is too large is left out by name with the limit, the rest goes on" {
    truncate -s 300M large.jpg
    run --separate-stderr "$CAPTION" "${given[@]}" pictures/00.png large.jpg pictures/01.png
    [ "$status" -eq 3 ]
    [ "$(cut -f1 <<<"$output" | paste -sd ' ')" = "pictures/00.png large.jpg pictures/01.png" ]
    [[ $stderr == *"large.jpg"*"has 314572800 bytes, more than 268435456 (--max-picture-bytes)"* ]] || { echo "$stderr"; false; }
    run "$EMBED" "${given[@]}" --out images.npy --max-picture-bytes 50 pictures/00.png
    [ "$status" -eq 3 ]
    [[ $output == *"pictures/00.png"*"more than 50 (--max-picture-bytes)"* ]] || { echo "$output"; false; }
}

@test "serve: few descriptors and many who say nothing: the others are answered" {
    port=$((20000 + $$ % 20000))
    prlimit --nofile=64 "$SERVE" "${given[@]}" --tasks caption --clients "tcp://localhost:$port" >server.log 2>&1 3>&- &
    pids+=($!)
    server=tcp://localhost:$port
    ask pictures/00.png >one || { cat server.log; false; }
    for ((i = 0; i < 200; i++)); do exec {silent[i]}<>"/dev/tcp/localhost/$port"; done
    ask pictures/00.png | cmp - one
    for fd in "${silent[@]}"; do exec {fd}>&-; done
    ask pictures/00.png | cmp - one
    stop
}

@test "serve: the socket of clients is its owner's, whatever the umask is" {
    umask 000
    serve --tasks caption
    [ "$(stat -c %a clients cocaflow.*/sockets cocaflow.*/clients-* | paste -sd ' ')" = "600 700 700" ]
    stop
}
