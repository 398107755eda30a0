#!/usr/bin/env bats
# Datasets whose pictures stay in their tar shards: the same fingerprint, records and training bits as packed, whatever server
# the shards are at; index files of others; what changed, is cut, or gone.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
WEIGHTS=model/open_clip_model.safetensors

# Two shards of six and five pictures, and what pack makes of them.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned data.set 11
    mkdir shards
    tar cf shards/0.tar -C captioned 0{0,1,2,3,4,5}{.png,.txt}
    tar cf shards/1.tar -C captioned {06,07,08,09,10}{.png,.txt}
    coca-pack pack --from tar 'shards/{0..1}.tar' --to packed
    coca-pack index 'shards/*.tar' --to here
    train packed-run packed
}
setup() {
    cd "$BATS_FILE_TMPDIR" || return
    rm -rf own
    mkdir own # of the test
    server=''
}
teardown() { [[ -z $server ]] || kill "$server"; }

# train RUN DATA OPTION ...
train() {
    "$TRAIN" --name "$1" --runs runs --model "$BATS_FILE_TMPDIR/model.json" --tokenizer "$TINY_VOCABULARY" --train-data "$2" \
        --batch-size 6 --microbatch 3 --steps 12 --lr 1e-2 --precision fp32 --threads 1,1 --seed 3 "${@:3}" 2>&1
}
numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
same_run() { diff <(numbers_of "$1") <(numbers_of "$2") && cmp "runs/$1/$WEIGHTS" "runs/$2/$WEIGHTS"; }

# serve FOLDER: over HTTP, and `url` names it.
serve() {
    rm -f served
    python3 "$BATS_TEST_DIRNAME/shard_server.py" "$1" served 3>&- >/dev/null 2>&1 &
    server=$!
    until [[ -e served ]]; do kill -0 $server; sleep 0.05; done
    url=http://127.0.0.1:$(<served)
}
fingerprint() { coca-pack show "$1" | jq -r .fingerprint; }
# same_records A B: all that a record holds.
same_records() { cmp <(coca-pack export "$1" --tar - ) <(coca-pack export "$2" --tar -) && diff <(coca-pack list "$1") <(coca-pack list "$2"); }
indexes() { python3 "$BATS_TEST_DIRNAME/shard_indexes.py" "$@"; }

@test "index: the same fingerprint and records as packed, whatever looks at them" {
    [ "$(fingerprint here)" = "$(fingerprint packed)" ]
    same_records here packed
    coca-pack verify here
    coca-pack extract here 7 | cmp - captioned/07.png
    diff <(coca-pack list --captions here) <(coca-pack list --captions packed)
    coca-pack pack --from dataset here --to own/again
    cmp own/again/dataset.json packed/dataset.json
    coca-pack index 'shards/{0..1}.tar' --shard-records 4 --to own/four
    coca-pack pack --from tar 'shards/{0..1}.tar' --shard-records 4 --to own/four-packed
    [ "$(fingerprint own/four)" = "$(fingerprint own/four-packed)" ]
    [ "$(jq .version here/dataset.json)" -eq 2 ] && [ "$(jq .version packed/dataset.json)" -eq 1 ]
    coca-pack index shards/0.tar --limit 2 --to own/limited
    [ "$(coca-pack list own/limited | wc -l)" -eq 2 ]
}

@test "index: what is not fit is left out as packing leaves it out" {
    mkdir own/bad
    cp captioned/0{0..2}.* own/bad
    head -c 40 captioned/01.png >own/bad/01.png
    printf '\n' >own/bad/02.txt
    tar cf own/bad.tar -C own/bad 00.png 00.txt 01.png 01.txt 02.png 02.txt
    coca-pack pack --from tar shards/0.tar own/bad.tar --to own/packed
    coca-pack index shards/0.tar own/bad.tar --text-key txt --to own/placed
    [ "$(wc -l <own/placed/dropped.jsonl)" -eq 2 ]
    diff own/placed/dropped.jsonl own/packed/dropped.jsonl
    [ "$(fingerprint own/placed)" = "$(fingerprint own/packed)" ]
}

@test "index: records with several pictures, videos and classes, and long names" {
    tiny_questions own/asked 4
    coca-pack export own/asked --tar own/asked.tar
    coca-pack index own/asked.tar --to own/placed
    [ "$(fingerprint own/placed)" = "$(fingerprint own/asked)" ]
    cd own
    local folder=many/$(printf 'long%.0s' {1..30})
    mkdir -p "$folder"
    for i in 0 1; do
        for p in 0 1 2; do cp ../captioned/0$((i + p)).png "$folder/n$i.$p.png"; done
        printf '{"format": "cocaflow record", "captions": ["frog %d"]}' $i >"$folder/n$i.json"
        echo $i >"$folder/n$i.cls"
    done
    tar cf many.tar --format=pax --sort=name -C many .
    tar cf gnu.tar --format=gnu --sort=name -C many .
    for tar in many.tar gnu.tar; do
        rm -rf packed placed
        coca-pack pack --from tar $tar --to packed
        coca-pack index $tar --to placed
        [ "$(fingerprint placed)" = "$(fingerprint packed)" ]
        same_records placed packed
        coca-pack show placed 1 | jq -e '.images | length == 3'
    done
}

@test "index: dataset and shards move together, and shards of elsewhere are named by their whole paths" {
    mkdir own/a
    cp -r here shards own/a/
    touch own/a/shards/*
    mv own/a own/b
    same_records own/b/here packed
    coca-pack index shards/0.tar --to own/b/far
    [ "$(jq -r '.objects[0].url' own/b/far/objects.json)" = "$(realpath shards)/0.tar" ]
    [ "$(jq -r '.objects[0].url' own/b/here/objects.json)" = ../shards/0.tar ]
}

@test "index: packed, in place and over HTTP train to the same bits, across a kill with other workers" {
    train here-run here
    same_run packed-run here-run
    serve "$PWD/shards"
    coca-pack index "$url/{0..1}.tar" --to own/served
    [ "$(fingerprint own/served)" = "$(fingerprint packed)" ]
    train served-run own/served
    same_run packed-run served-run
    train resumed here --workers 3 --steps 5 --save-frequency 5
    train resumed here --workers 1 --steps 12 --resume latest
    train reference packed --steps 5 --save-frequency 5
    train reference packed --steps 12 --resume latest --workers 3
    same_run reference resumed
}

@test "index: index files of others are taken instead of reading, and --scan does" {
    local kind name
    cd own
    for kind in dali:0.idx dali1:0.idx energon:0.tar.idx webshart:0.json webshart-list:0.json; do
        name=${kind#*:} kind=${kind%:*}
        rm -rf set shards
        cp -r ../shards .
        indexes $kind shards/0.tar "shards/$name"
        indexes $kind shards/1.tar "shards/${name/0/1}"
        run coca-pack index 'shards/*.tar' --to set
        echo "$output"
        [ "$status" -eq 0 ]
        [[ $output == *"shards/0.tar: 6 samples by "*"'s shards/$name, whose pictures were not checked"* ]]
        same_records set ../packed
        coca-pack verify set
        diff <(coca-pack list --captions set) <(coca-pack list --captions ../packed)
        run coca-pack index 'shards/*.tar' --scan --to scanned --replace
        [[ $output == *"shards/0.tar: 6 samples, scanned"* ]]
        [ "$(fingerprint scanned)" = "$(fingerprint ../packed)" ]
        [ "$(fingerprint set)" != "$(fingerprint scanned)" ]
        rm -rf named
        coca-pack index "shards/$name" --to named
        [ "$(coca-pack list named | wc -l)" -eq 6 ]
    done
    [ "$(jq .keys set/objects.json)" != null ]
}

@test "index: captions that only webshart's index has, and keys of one's own" {
    cd own
    mkdir plain
    cp ../captioned/00.png plain/a.png
    cp ../captioned/01.png plain/b.png
    tar cf plain.tar -C plain a.png b.png
    indexes webshart plain.tar plain.json 'a.png=frog one' 'b.png=bag|boot'
    coca-pack index plain.tar --to set
    [ "$(coca-pack list set --captions | tr '\n' ,)" = 'frog one,bag,boot,' ]
    coca-pack extract set 1 | cmp - plain/b.png
    mkdir keyed
    cp ../captioned/00.png keyed/a.Seg.png
    cp ../captioned/01.png keyed/a.jpg
    echo ' frog  ' >keyed/a.words
    tar cf keyed.tar -C keyed a.jpg a.Seg.png a.words
    indexes dali keyed.tar keyed.idx
    coca-pack index keyed.tar --image-key seg.png --text-key words --to own
    coca-pack extract own 0 | cmp - keyed/a.Seg.png
    [ "$(coca-pack list own --captions)" = frog ]
    run coca-pack index keyed.tar --to none # nothing has a caption
    [ "$status" -eq 3 ] && [[ $output == *"the suffixes seen are jpg, seg.png, words"* ]]
}

@test "index: lists of wids, held to their sizes and counts, and img2dataset's statistics" {
    cd own
    cp ../shards/*.tar .
    list() { jq -n --argjson b "$1" --argjson n "$2" '{__kind__: "wids-shard-index-v1", wids_version: 1, shardlist: [
        {url: "0.tar", nsamples: $n, filesize: $b}, {url: "1.tar", nsamples: 5}]}' >list.json; }
    list "$(stat -c %s 0.tar)" 6
    coca-pack index list.json --to set
    [ "$(fingerprint set)" = "$(fingerprint ../packed)" ]
    list 5 6
    run coca-pack index list.json --to other
    [ "$status" -eq 3 ] && [[ $output == *"0.tar: has "*" bytes, its list says 5"* ]]
    list "$(stat -c %s 0.tar)" 7
    run coca-pack index list.json --to other
    [ "$status" -eq 3 ] && [[ $output == *"0.tar: has 6 samples, its list says 7"* ]]
    echo '{"count": 9, "successes": 8}' >0_stats.json
    run coca-pack index 0.tar --to other
    [ "$status" -eq 0 ] && [[ $output == *"0_stats.json: says 8 pictures, 0.tar has 6 samples"* ]]
}

@test "index: what is cut, compressed, gone or a pipe is named, and left out on demand" {
    cd own
    cp ../shards/1.tar .
    head -c 9000 ../shards/0.tar >0.tar
    gzip -c ../shards/1.tar >zipped.tar
    run coca-pack index 0.tar 1.tar --to set
    [ "$status" -eq 3 ] && [[ $output == *"0.tar: "*"the last whole sample is 0"*"--skip-bad-shards"* ]] && [ ! -e set ]
    run coca-pack index zipped.tar --to set
    [ "$status" -eq 3 ] && [[ $output == *"zipped.tar: is compressed (gzip)"*"coca-pack pack"* ]]
    run coca-pack index 'pipe:cat 1.tar' --to set
    [ "$status" -eq 3 ] && [[ $output == *"pipe:cat 1.tar: "*"pack it"* ]]
    run coca-pack index gone.tar 1.tar --to set
    [ "$status" -eq 3 ] && [[ $output == *"gone.tar: there is no such shard"* ]]
    run coca-pack index 0.tar zipped.tar gone.tar 1.tar --skip-bad-shards --to set
    [ "$status" -eq 0 ]
    for name in 0 zipped gone; do [[ $output == *"$name.tar: is left out"* ]]; done
    [ "$(coca-pack list set | wc -l)" -eq 5 ]
    coca-pack pack --from tar 'pipe:cat 1.tar' --to piped
    [ "$(fingerprint piped)" = "$(fingerprint set)" ]
    coca-pack pack --from tar 'pipe:cat zipped.tar' --to unzipped
    [ "$(fingerprint unzipped)" = "$(fingerprint set)" ]
    run coca-pack pack --from tar 'pipe:cat 1.tar; exit 7' --to failed
    [ "$status" -ne 0 ] && [ ! -e failed ]
}

@test "index: a shard that changed or went is an error that names it, and no sample is wrong" {
    cd own
    cp -r ../here ../shards .
    printf x | dd of=shards/1.tar bs=1 seek=600 conv=notrunc status=none # within the picture of record 6
    diff <(coca-pack extract here 5 | sha256sum) <(sha256sum <../captioned/05.png)
    run coca-pack extract here 6 --to 6.png
    [ "$status" -eq 3 ] && [[ $output == *"shards/1.tar: "*"record 6 of here"* ]] && [ ! -e 6.png ]
    run coca-pack verify here
    [ "$status" -eq 3 ]
    run train changed here
    [ "$status" -ne 0 ] && [[ $output == *"shards/1.tar: "* ]]
    coca-pack list here --captions >/dev/null # texts are here
    rm shards/1.tar
    run coca-pack extract here 6 --to 6.png
    [ "$status" -eq 3 ] && [[ $output == *"shards/1.tar"* ]]
    # What nobody has read is known by its key, length and time.
    cp ../shards/1.tar shards/
    indexes dali shards/1.tar shards/1.idx
    coca-pack index shards/1.tar --to unread
    touch -d yesterday shards/1.tar
    run coca-pack extract unread 0 --to 0.png
    [ "$status" -eq 3 ] && [[ $output == *"shards/1.tar"* ]]
    sed -i 's/09\.\(png\|txt\)/19.\1/g' shards/1.idx
    coca-pack index shards/1.tar --to unread --replace
    run coca-pack extract unread 3 --to 3.png
    [ "$status" -eq 3 ] && [[ $output == *"are not the sample that its index names"* ]]
    coca-pack extract unread 2 | cmp - ../captioned/08.png
}

@test "index: damaged index files and lists are refused by name" {
    cd own
    cp ../shards/0.tar .
    refused() {
        run coca-pack index 0.tar --to set
        echo "$output"
        [ "$status" -eq 3 ] && [[ $output == *"$1"* ]] && [ ! -e set ]
    }
    printf 'v1.2 2\npng 512 10 00.png\n' >0.idx
    refused '0.idx: line 2: the number of samples is another'
    printf 'v1.2 1\npng 513 10 00.png\n' >0.idx
    refused '0.idx: line 2'
    printf 'v1.2 1\npng 512 99999999999999999999 00.png\n' >0.idx
    refused '0.idx: line 2'
    printf 'v1.2 1\npng 512 999999 00.png txt 1049600 5 00.txt\n' >0.idx
    refused '0.idx: names members up to byte'
    printf 'v1.3 1\n' >0.idx
    refused '0.idx: line 1'
    rm 0.idx
    printf '1234567' >0.tar.idx
    refused '0.tar.idx: is not 8 bytes'
    printf '\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\200' >0.tar.idx
    refused '0.tar.idx: its offsets do not ascend'
    rm 0.tar.idx
    echo '{"files": {"00.png": {"offset": -512, "length": 3}}}' >0.json
    refused '0.json: '
    echo '{"files": {"00.png": {"length": 3}}}' >0.json
    refused '0.json: a file has no name, offset or length'
    cp -r ../here .
    cp -r ../shards .
    echo '{' >here/objects.json
    run coca-pack show here 0
    [ "$status" -eq 3 ] && [[ $output == *objects.json* ]]
    jq '.objects = .objects[:1]' ../here/objects.json >here/objects.json
    run coca-pack show here 9
    [ "$status" -eq 3 ] && [[ $output == *"its object is none of objects.json"* ]]
    cp ../packed/00000.lmdb here/
    run coca-pack show here 0
    [ "$status" -eq 3 ]
}

@test "index: evaluation measures what it measures of the packed set" {
    local given=(--pretrained "$PWD/runs/packed-run/model" --precision fp32 --threads 1 --microbatch 3)
    for set in here packed; do
        "$BATS_TEST_DIRNAME/../../pipelines/eval.sh" "${given[@]}" --retrieval $set --dataset x --results own/$set.json >own/$set.out
        "$BATS_TEST_DIRNAME/../../pipelines/eval.sh" "${given[@]}" --caption $set --dataset x --out own/$set.tsv >own/$set.captions
    done
    diff own/here.out own/packed.out
    diff own/here.tsv own/packed.tsv
}
