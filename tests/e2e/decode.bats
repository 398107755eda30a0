#!/usr/bin/env bats
# coca-decode: pictures in, pixels out.

load tiny

setup() { tiny_setup; }
teardown() { tiny_teardown; }

decode() { coca-decode "${MODEL[@]}" "$@"; }

@test "decode: a unit has the same bytes from one worker, from three, and in a recording" {
    tiny_captioned set 8
    for workers in 1 3; do
        for ((i = 1; i < workers; i++)); do start coca-decode --images ipc://images --data set; done
        start coca-decode --images ipc://images --data set
        start coca-image-encode --images ipc://images --embeddings ipc://embeddings --record images=served.$workers
        all_ready
        score embed --out rows.npy
        all_left
    done
    decode --images file:written --data set
    cmp served.1 served.3
    cmp served.1 written
}

@test "decode: what a step holds does not depend on where the recording begins" {
    tiny_captioned set 8
    tiny_labelled other 5
    train=(--train-data set::other --train-data-weights 2::1 --batch-size 6 --steps 5 --seed 4)
    decode "${train[@]}" --images file:all
    decode "${train[@]}" --images file:again
    decode "${train[@]}" --images file:end --first-step 3
    cmp all again
    tail -c +9 end >tail
    cmp tail <(tail -c "$(stat -c %s tail)" all)
    decode "${train[@]}" --images file:other-seed --seed 5
    refute cmp -s all other-seed
}

@test "decode: RandAugment changes training pictures alone, the same way wherever the recording begins" {
    tiny_captioned set 8
    train=(--train-data set --batch-size 6 --steps 4 --seed 4)
    decode "${train[@]}" --images file:without
    decode "${train[@]}" --images file:all --rand-augment-layers 2 --rand-augment-magnitude 20
    decode "${train[@]}" --images file:end --rand-augment-layers 2 --rand-augment-magnitude 20 --first-step 2
    decode "${train[@]}" --images file:weak --rand-augment-layers 2 --rand-augment-magnitude 3
    decode "${train[@]}" --images file:none --rand-augment-layers 0 --rand-augment-magnitude 30
    tail -c +9 end >tail
    cmp tail <(tail -c "$(stat -c %s tail)" all)
    cmp without none
    refute cmp -s all without
    refute cmp -s all weak
    decode --data set --images file:once
    decode --data set --images file:looked-at --rand-augment-layers 2
    cmp once looked-at
}

@test "decode: how many operations RandAugment has and how strong they are is bounded" {
    tiny_captioned set 4
    for wrong in '--rand-augment-layers -1' '--rand-augment-layers 17' '--rand-augment-layers 1.5' \
        '--rand-augment-layers' '--rand-augment-magnitude -1' '--rand-augment-magnitude 31' '--rand-augment-magnitude x'; do
        # shellcheck disable=SC2086 # two words
        run decode --train-data set --images file:rows --batch-size 3 --steps 1 --rand-augment-layers 1 $wrong
        [ "$status" -eq 2 ]
        [[ $output == *"${wrong%% *}"* ]]
        [ ! -e rows ]
    done
}

@test "decode: blank images are grey, each in its row" {
    tiny_captioned set 4
    decode --images file:blank --data set --blank-images
    coca-tap export blank --tensor pixels --out blank.npy
    [ "$(tail -c +129 blank.npy | wc -c)" -eq $((4 * 8 * 8 * 3)) ]
    [ -z "$(tail -c +129 blank.npy | tr -d '\200')" ]
}

@test "decode: --data takes every record once, in order, the last unit short" {
    tiny_captioned set 7
    serve_images --data set
    score embed --out rows.npy --names names
    all_left
    [ "$(tr '\n' ' ' <names)" = "0 1 2 3 4 5 6 " ]
    run decode --evaluate --images file:missing
    [ "$status" -eq 2 ]
    decode --evaluate --val-data set --images file:evaluated
    decode --data set --images file:written
    cmp evaluated written
}

@test "decode: a list grows until it is closed, and a worker that dies meanwhile takes nothing along" {
    tiny_pictures pictures 5
    printf 'pictures/00.png\npictures/01.png\n' >list
    start coca-decode --images ipc://images --list list
    serve_images --list list
    score embed --out rows.npy --names names 3>&- &
    sleep 1
    [ ! -e names ]
    kill -9 "${pids[0]}"
    unset 'pids[0]'
    printf 'pictures/02.png\npictures/03.png\npictures/04.png' >>list
    touch list.closed
    wait $!
    all_left
    cmp <(cat list; echo) names
}

@test "decode: what cannot be had keeps its row, grey, and is named with the reason" {
    tiny_pictures pictures 3
    head -c 50 pictures/00.png >cut.png
    : >empty.png
    printf 'version https://git-lfs.github.com/spec/v1\n' >text.png
    mkfifo fifo
    printf '%s\n' pictures/01.png cut.png empty.png text.png . fifo missing.png '' pictures/02.png >list
    touch list.closed
    decode --list list --images file:rows --microbatch 9
    drops=$(tr '\0' '\n' <rows | grep -ao '{"edge":"images".*}')
    [ "$(grep -c . <<<"$drops")" -eq 7 ]
    for id in 1 2 3 4 5 6 7; do grep -q "\"id\":$id," <<<"$drops"; done
    grep -q '"name":"empty.png","reason":"empty picture"' <<<"$drops"
    grep -q '"name":"missing.png","reason":"cannot be opened: No such file' <<<"$drops"
    grep -q '"name":"text.png","reason":".*but a Git LFS pointer (git lfs pull' <<<"$drops"
    grep -q '"name":"fifo","reason":"is not a file"' <<<"$drops"
    grey=$(printf '80%.0s' {1..1344}) # 7 rows of 8 x 8 x 3
    [[ $(hex rows) == *"$grey"* ]]
    [[ $(hex rows) != *"${grey}80"* ]]
}

@test "decode: --root is where relative paths of a list begin" {
    tiny_pictures pictures 2
    printf '00.png\n01.png\n' >list
    touch list.closed
    decode --list list --root pictures --images file:rows
    refute grep -aq reason rows
    decode --list list --images file:without
    [ "$(tr '\0' '\n' <without | grep -ac reason)" -eq 2 ]
}

@test "decode: bad usage is exit 2, a bad dataset 3" {
    tiny_captioned set 4
    run decode --images file:rows
    [ "$status" -eq 2 ]
    [[ $output == *"--train-data"* ]]
    run decode --data set
    [ "$status" -eq 2 ]
    [[ $output == *"--images"* ]]
    run decode --data set --images file:rows --no-such-option
    [ "$status" -eq 2 ]
    run decode --train-data set --images file:rows --batch-size 6
    [ "$status" -eq 2 ]
    [[ $output == *"--steps"* ]]
    run decode --train-data set --images file:rows --batch-size 7 --steps 1
    [ "$status" -eq 2 ]
    run decode --data captioned --images file:rows
    [ "$status" -eq 3 ]
    truncate -s 8192 set/00000.lmdb
    run decode --data set --images file:rows
    [ "$status" -eq 3 ]
    [[ $output == *00000.lmdb* ]]
    run decode --list missing --images file:rows
    [ "$status" -eq 3 ]
}

@test "decode: a worker of a run refuses a dataset that changed" {
    tiny_captioned set 4
    eval "$(coca-loss --prepare --name run --runs "$PWD" --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data "$PWD/set" --batch-size 3 --steps 1)"
    coca-decode --run-dir "$run_dir" --images "file:$PWD/rows"
    rm -r tiny-pictures.set captioned set
    tiny_captioned set 5
    run coca-decode --run-dir "$run_dir" --images "file:$PWD/rows"
    [ "$status" -eq 3 ]
    [[ $output == *"changed since the run was made"* ]]
}

@test "decode: preprocess_cfg says how pictures become squares" {
    tiny_pictures pictures 1 # 12 wide, 10 high
    echo "$PWD/pictures/00.png" >list
    touch list.closed
    for mode in '"resize_mode": "longest", "fill_color": 17' '"resize_mode": "squash"' '"interpolation": "bilinear"' '"size": 8'; do
        printf '{"model_cfg": %s, "preprocess_cfg": {%s}}\n' "$(cat model.json)" "$mode" >hub.json
        coca-decode --model hub.json --list list --images file:rows
        coca-tap export rows --tensor pixels --out pixels.npy
        tail -c 192 pixels.npy | od -An -v -tu1 -w24 >"$(tr -dc a-z <<<"$mode")" # a line for each row of pixels
    done
    # 12 columns become 8, 10 rows 7: the eighth is filled.
    [ "$(sed -n 8p resizemodelongestfillcolor | tr -s ' ' '\n' | sort -u | xargs)" = 17 ]
    [ "$(sed -n 7p resizemodelongestfillcolor | tr -s ' ' '\n' | sort -u | wc -l)" -gt 4 ]
    refute cmp -s size resizemodesquash
    refute cmp -s size interpolationbilinear
    refute cmp -s resizemodesquash interpolationbilinear
}

@test "decode --extents: stretches of files, named by their lines; what is not there is a drop" {
    tiny_pictures pictures 12
    local i at=0 size
    for i in {00..11}; do # twelve files of one picture behind another, more than stay open
        size=$(stat -c %s "pictures/$i.png")
        { head -c "$((10#$i * 7))" /dev/zero; cat "pictures/$i.png"; head -c 9 /dev/zero; } >"shard $i"
        printf '%d %d name %s\tshard %s\0' "$((10#$i * 7))" "$size" "$i" "$i" >>list
    done
    ls pictures/*.png >paths
    touch list.closed paths.closed
    decode --images file:extents.rec --list list --null --extents --root "$PWD" --microbatch 12
    decode --images file:paths.rec --list paths --root "$PWD" --microbatch 12
    coca-tap export extents.rec --tensor pixels --out extents.npy
    coca-tap export paths.rec --tensor pixels --out paths.npy
    cmp extents.npy paths.npy
    coca-tap export extents.rec --tensor names --out names.npy
    [ "$(tail -c +129 names.npy | tr '\0' '\n')" = "$(printf 'name %s\n' {00..11})" ]
    size=$(stat -c %s "shard 03")
    printf '%s\n' "0 $((size + 1)) beyond	shard 03" "$((size + 1)) 0 behind	shard 03" "0 5 absent	nothing" "0 1 folder	pictures" \
        '0 x bad	shard 03' "21 $((size - 30)) whole	shard 03" >wrong
    touch wrong.closed
    decode --images file:wrong.rec --list wrong --extents --root "$PWD" --microbatch 6
    coca-tap export wrong.rec --tensor drops --out drops.npy
    tail -c +129 drops.npy | tr '\0' '\n' >drops
    [ "$(wc -l <drops)" -eq 5 ]
    grep -q "\"name\":\"beyond\".*has $size bytes, not the $((size + 1)) from 0 on" drops
    grep -q "\"name\":\"behind\".*has $size bytes" drops
    grep -q '"name":"absent".*cannot be opened: No such file' drops
    grep -q '"name":"folder".*is not a file' drops
    grep -q '"name":"0 x bad.*OFFSET LENGTH NAME TAB PATH' drops
    decode --images file:large.rec --list list --null --extents --root "$PWD" --microbatch 12 --max-picture-bytes 20
    coca-tap export large.rec --tensor drops --out drops.npy
    grep -aq '"name":"name 00".*more than 20 (--max-picture-bytes)' drops.npy
    run decode --images file:none.rec --data tiny-pictures.set --extents
    [ "$status" -eq 2 ]
}
