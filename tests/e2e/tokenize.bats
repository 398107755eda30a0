#!/usr/bin/env bats
# coca-tokenize: captions in, token ids out.

load tiny

setup() { tiny_setup; }
teardown() { tiny_teardown; }

tokenize() { coca-tokenize "${MODEL[@]}" "$@"; }

# ids ID ...: as i32, in hex.
ids() { printf '%02x000000' "$@"; }

@test "tokenize: a unit has the same bytes from one worker, from three, and in a recording" {
    tiny_captioned set 8
    for workers in 1 3; do
        for ((i = 1; i < workers; i++)); do start coca-tokenize --tokens ipc://tokens --data set; done
        start coca-tokenize --tokens ipc://tokens --data set
        start coca-text-decode --embed --tokens ipc://tokens --embeddings ipc://embeddings --record tokens=served.$workers
        all_ready
        score embed --role text-decode --out rows.npy
        all_left
    done
    tokenize --tokens file:written --data set
    cmp served.1 served.3
    cmp served.1 written
}

@test "tokenize: steps are those of the plan, with captions and label names in prompts" {
    tiny_captioned set 8
    tiny_labelled other 5
    printf 'a {}\nthe {c} jumps\n' >prompts
    train=(--train-data set::other --batch-size 6 --steps 5 --seed 4 --prompts prompts)
    tokenize "${train[@]}" --tokens file:all
    tokenize "${train[@]}" --tokens file:end --first-step 3
    tail -c +9 end >tail
    cmp tail <(tail -c "$(stat -c %s tail)" all)
    refute grep -aq reason all
    # The same samples as coca-decode chooses.
    coca-decode "${MODEL[@]}" "${train[@]}" --images file:pictures
    coca-text-decode "${MODEL[@]}" --embed --tokens file:all --embeddings file:texts
    coca-image-encode "${MODEL[@]}" --images file:pictures --embeddings file:images
    coca-score embed "${MODEL[@]}" --role text-decode --embeddings file:texts --out rows.npy --names text-ids
    coca-score embed "${MODEL[@]}" --role image-encode --embeddings file:images --out rows.npy --names image-ids
    [ "$(wc -l <text-ids)" -eq 30 ]
    cmp text-ids image-ids
}

@test "tokenize: a line is BOS words EOS PAD, and a long one loses words, never EOS" {
    head -n 1 "${TINY_VOCABULARY%.model}.txt" >list
    printf 'a\n' >>list
    touch list.closed
    tokenize --list list --tokens file:rows
    [[ $(hex rows) == *"$(ids 1 4 9 15 6 23 26 2)"* ]]
    tr '\0' '\n' <rows | grep -qax 'a'
    grep -aq 'a red frog sits on a green leaf' rows
    refute grep -aq reason rows
}

@test "tokenize: a text that is empty or not UTF-8 keeps its row as BOS EOS, and is named with the reason" {
    printf '\na frog\n \t\nb\xffad\n\xed\xa0\x80\n' >list
    touch list.closed
    tokenize --list list --tokens file:rows --microbatch 5
    drops=$(tr '\0' '\n' <rows | grep -ao '{"edge":"tokens".*}')
    [ "$(grep -c . <<<"$drops")" -eq 4 ]
    for id in 0 2; do grep -q "\"id\":$id,.*empty" <<<"$drops"; done
    for id in 3 4; do grep -q "\"id\":$id,.*not UTF-8" <<<"$drops"; done
    bare=$(ids 1 2 0 0 0 0 0 0)
    [[ $(hex rows) == *"$bare$bare$bare"* ]]
}

@test "tokenize: the first caption of each record, or all" {
    tiny_captioned set 4
    for which in first all; do
        serve_texts --data set --captions-per-record $which
        score embed --role text-decode --out $which.npy --names $which
        all_left
    done
    [ "$(tr '\n' ' ' <first)" = "0 1 2 3 " ]
    [ "$(tr '\n' ' ' <all)" = "0 1 1 2 2 2 3 " ]
    printf '%s\n' 'frog 0' 'frog 1' 'bag 1' 'frog 2' 'bag 2' 'boot 2' 'frog 3' >list
    touch list.closed
    serve_texts --list list
    score embed --role text-decode --out list.npy
    all_left
    cmp list.npy all.npy
}

@test "tokenize: label names stand in a prompt" {
    tiny_labelled set 6
    echo 'the {} jumps' >prompts
    printf 'the %s jumps\n' 'ankle boot' 'red bag' 'blue frog' 'ankle boot' 'red bag' 'blue frog' >list
    touch list.closed
    serve_texts --list list
    score embed --role text-decode --out list.npy
    all_left
    serve_texts --data set --prompts prompts
    score embed --role text-decode --out set.npy
    all_left
    cmp list.npy set.npy
}

@test "tokenize: a wrong vocabulary or none is exit 2, a damaged one 3" {
    tiny_captioned set 4
    sed 's/"vocab_size": 36/"vocab_size": 37/' model.json >larger.json
    sed 's/"eos_id": 2/"eos_id": 3/' model.json >other-eos.json
    for model in larger other-eos; do
        run coca-tokenize --model $model.json --tokenizer "$TINY_VOCABULARY" --data set --tokens file:rows
        [ "$status" -eq 2 ]
    done
    run coca-tokenize --model model.json --data set --tokens file:rows
    [ "$status" -eq 2 ]
    [[ $output == *"--tokenizer"* ]]
    head -c 100 "$TINY_VOCABULARY" >cut.model
    run coca-tokenize --model model.json --tokenizer cut.model --data set --tokens file:rows
    [ "$status" -eq 3 ]
    echo 'no place' >prompts
    run tokenize --data set --tokens file:rows --prompts prompts
    [ "$status" -eq 3 ]
}

@test "tokenize: CLIP's vocabulary in any of its forms gives the same rows, and one that does not fit is exit 2" {
    local clip=$BATS_TEST_DIRNAME/../unit/text/clip form
    sed 's/"vocab_size": 36/"vocab_size": 814/; s/"bos_id": 1, "eos_id": 2/"bos_id": 812, "eos_id": 813/' model.json >clip.json
    printf 'Two DOGS \xe2\x80\x9cplaying\xe2\x80\x9d!\n' >list
    touch list.closed
    for form in small.txt.gz small.json small/vocab.json small/merges.txt; do
        coca-tokenize --model clip.json --microbatch 3 --tokenizer "$clip/$form" --list list --tokens "file:${form//\//-}"
    done
    [[ $(hex small.txt.gz) == *2c030000*2d030000* ]] # 812 … 813
    cmp small.txt.gz small.json
    cmp small.txt.gz small-vocab.json
    cmp small.txt.gz small-merges.txt
    run coca-tokenize --model model.json --tokenizer "$clip/small.json" --list list --tokens file:rows
    [ "$status" -eq 2 ]
    [[ $output == *"814"* ]]
    run coca-tokenize --model clip.json --tokenizer "$TINY_VOCABULARY" --list list --tokens file:rows
    [ "$status" -eq 2 ]
    cp "$clip/small/vocab.json" .
    run coca-tokenize --model clip.json --tokenizer vocab.json --list list --tokens file:rows
    [ "$status" -eq 3 ]
    [[ $output == *"merges.txt"* ]]
}

@test "tokenize: a run keeps both files of a vocabulary of two" {
    local clip=$BATS_TEST_DIRNAME/../unit/text/clip
    tiny_captioned set 4
    sed 's/"vocab_size": 36/"vocab_size": 814/; s/"bos_id": 1, "eos_id": 2/"bos_id": 812, "eos_id": 813/' model.json >clip.json
    "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name run --runs runs --model clip.json --tokenizer "$clip/small/vocab.json" \
        --train-data set --batch-size 4 --microbatch 2 --steps 1
    for folder in runs/run runs/run/model; do
        cmp $folder/tokenizer.model "$clip/small/vocab.json"
        cmp $folder/merges.txt "$clip/small/merges.txt"
    done
    printf 'two dogs\n' >list
    touch list.closed
    coca-tokenize --pretrained runs/run/model --list list --tokens file:rows
    coca-tokenize --model clip.json --tokenizer "$clip/small.txt.gz" --list list --tokens file:same
    cmp rows same
}
