#!/usr/bin/env bats
# --replicas of what runs on trained weights: several processes of each encoder answer as one does, and one that is lost is
# started anew.

load tiny.bash
P=$BATS_TEST_DIRNAME/../../pipelines

setup_file() { tiny_trained; }
setup() {
    tiny_setup
    tiny_given
    given+=(--microbatch 2)
}
teardown() {
    local file
    for file in cocaflow.*/sockets/*.pid; do [[ ! -e $file ]] || kill -KILL "$(<"$file")" 2>/dev/null || true; done
    tiny_teardown
}

same() { cmp "$1" "$2" || { cat words; return 1; }; }

@test "captions of several encoders: all to all, in the order of the pictures, the same bytes" {
    local replicas
    "$P/caption.sh" "${given[@]}" pictures/*.png >one 2>words
    for replicas in 2 1,2 3,1; do
        "$P/caption.sh" "${given[@]}" --replicas $replicas pictures/*.png >several 2>words
        same one several
    done
}

@test "embeddings of pictures and of texts by several encoders are the same bytes" {
    "$P/embed.sh" "${given[@]}" --out one.npy pictures/*.png
    "$P/embed.sh" "${given[@]}" --replicas 2 --out several.npy pictures/*.png 2>words
    same one.npy several.npy
    "$P/embed.sh" "${given[@]}" --out one.npy --texts frog bag 'red frog' boot bag
    "$P/embed.sh" "${given[@]}" --replicas 1,2 --out several.npy --texts frog bag 'red frog' boot bag 2>words
    same one.npy several.npy
}

@test "evaluations by several encoders are the same bytes, whoever conducts" {
    local data=$BATS_FILE_TMPDIR/data.set tasks
    tiny_labelled labelled.set 9
    echo 'a {}' >templates
    tasks=(--zero-shot labelled.set --classnames classes.txt --templates templates --retrieval "$data" --losses "$data")
    "$P/eval.sh" "${given[@]}" "${tasks[@]}" >one 2>words || { cat words; false; }
    "$P/eval.sh" "${given[@]}" --replicas 2 "${tasks[@]}" >several 2>words
    same one several
    "$P/eval.sh" "${given[@]}" --replicas 1,4 --losses "$data" >several 2>words
    same <(tail -n 1 one) several
    run "$P/eval.sh" "${given[@]}" --replicas 3 --losses "$data"
    [ "$status" -eq 2 ]
    [[ $output == *"so 1, 2, 4,"* ]]
}

@test "a server's tasks by several encoders" {
    local server=ipc://$PWD/clients
    "$P/caption.sh" "${given[@]}" pictures/*.png | cut -f2 >captions
    "$P/serve.sh" "${given[@]}" --clients "$server" --tasks caption,text-embedding --replicas 2 >words 2>&1 3>&- &
    pids+=($!)
    coca-ask --server "$server" --timeout 20 pictures/*.png >asked
    same captions asked
    coca-ask --server "$server" --timeout 20 --task text-embedding 'a red frog' bag >numbers
    [ "$(wc -l <numbers)" -eq 2 ]
    kill -TERM "${pids[0]}"
    wait "${pids[0]}" || [ $? -eq 143 ]
    pids=()
}

@test "encoders that are killed come back, and nothing is lost or doubled" {
    ls pictures/*.png >list
    "$P/caption.sh" "${given[@]}" <list >one
    mkfifo paths
    "$P/caption.sh" "${given[@]}" --replicas 2 --max-wait 50 --request-timeout 5 <paths >several 2>words 3>&- &
    pids+=($!)
    exec 7>paths
    head -n 4 list >&7
    until [ "$(wc -l <several)" -eq 4 ]; do kill -0 "${pids[0]}" || { cat words; false; }; sleep 0.05; done
    kill -KILL "$(<"$(echo cocaflow.*/sockets/image-encode.1.pid)")" "$(<"$(echo cocaflow.*/sockets/text-decode.0.pid)")"
    tail -n +5 list >&7
    exec 7>&-
    wait "${pids[0]}" || { cat words; false; }
    pids=()
    same one several
    grep 'image-encode.1 was lost (exit 137) and is started again' words
    grep 'text-decode.0 was lost (exit 137) and is started again' words
}

@test "what --replicas cannot be" {
    local bad
    for bad in 0 2, 1,2,3 x 1000; do
        run "$P/caption.sh" "${given[@]}" --replicas "$bad" pictures/00.png
        [ "$status" -eq 2 ]
        [[ $output == *"--replicas $bad: it is N or IMAGE,TEXT"* ]]
    done
    run "$P/caption.sh" "${given[@]}" --replicas 2 --record images=f pictures/00.png
    [ "$status" -eq 2 ]
}
