#!/usr/bin/env bats
# pipelines/relabel.sh: captions for whole data sets, one shard for each shard.

load tiny.bash
bats_require_minimum_version 1.5.0
RELABEL=$BATS_TEST_DIRNAME/../../pipelines/relabel.sh
CAPTION=$BATS_TEST_DIRNAME/../../pipelines/caption.sh
EMBED=$BATS_TEST_DIRNAME/../../pipelines/embed.sh
SHARDS=$BATS_TEST_DIRNAME/relabel_shards.py

setup_file() { tiny_trained; }
setup() {
    tiny_setup
    tiny_given
}
teardown() { tiny_teardown; }

relabel() { "$RELABEL" "${given[@]}" --microbatch 4 "$@" 2>words; }
# relabelled CODE ARGUMENT ...: it ends with that code.
relabelled() {
    local code=0
    relabel "${@:2}" || code=$?
    ((code == $1)) || { echo "left with $code"; cat words; return 1; }
}
shards() { python3 "$SHARDS" "$@"; }
results() { (cd "$1" && find . -type f -not -path './.*/*' -print0 | sort -z | xargs -0 sha256sum); }

@test "relabel: a tar's members stay as they are, its JSON gains caption.sh's captions, and what is done is not done again" {
    shards tar in/00000.tar 9
    shards tar in/00001.tar.gz 5
    relabelled 0 --from 'in/*' --to out
    [ "$(ls out)" = $'00000.tar\n00000_stats.json\n00001.tar.gz\n00001_stats.json\nrelabel.json' ]
    captions=$("$CAPTION" "${given[@]}" pictures/*.png | cut -f2)
    shards compare in/00000.tar out/00000.tar "$captions"
    shards compare in/00001.tar.gz out/00001.tar.gz "$(head -n 5 <<<"$captions")"
    [ "$(jq -c 'del(.bad_samples)' out/00000_stats.json)" = '{"samples":9,"captioned":9,"captions":9,"filtered":0,"bad":0}' ]
    [[ $(<words) == *"14 pictures, 14 captions in "*"2 of 2 shards"* && $(<words) == *busy*text-decode* ]]
    results out >before
    touch -d @0 out/*
    relabelled 0 --from 'in/*' --to out
    results out | cmp - before
    [ -z "$(find out -maxdepth 1 -type f -newermt @1)" ]
    [[ $(<words) == *"0 pictures, 0 captions"* ]]
    # A shard is a function of itself alone, and of its name in the draws.
    relabelled 0 --from in/00001.tar.gz --to alone
    cmp out/00001.tar.gz alone/00001.tar.gz
}

@test "relabel: several captions, embeddings as embed.sh has them, scores of them, and a filter" {
    shards tar in/00000.tar 9
    sampled=(--captions 3 --sample --top-p 0.9 --seed 5)
    relabelled 0 --from in/00000.tar --to out "${sampled[@]}" --embeddings image,text --key said
    shards compare in/00000.tar out/00000.tar
    "$EMBED" "${given[@]}" --out images.npy pictures/*.png
    shards texts out/00000.tar said >texts
    [ "$(wc -l <texts)" -eq 27 ] && [ "$(sort -u texts | wc -l)" -gt 3 ]
    "$EMBED" "${given[@]}" --texts --out texts.npy <texts || [ $? -eq 3 ] # a caption may be empty
    shards embeddings out/00000.tar images.npy texts.npy
    relabelled 0 --from in/00000.tar --to lines "${sampled[@]}" --embeddings image,text --key said --format jsonl
    shards embeddings lines/00000.jsonl images.npy texts.npy
    least=$(shards median out/00000.tar)
    relabelled 0 --from in/00000.tar --to filtered "${sampled[@]}" --filter-clipscore "$least"
    shards filtered out/00000.tar filtered/00000.tar "$least"
    relabelled 0 --from in/00000.tar --to again "${sampled[@]}" --embeddings image,text --key said --workers 3 --replicas 2
    cmp out/00000.tar again/00000.tar
}

@test "relabel: JSON lines by path and base64, packed, and img2dataset's folders" {
    shards lines in/paths.jsonl 9
    shards base64 in/bytes.jsonl.gz 9
    shards folder in/00007 9
    relabelled 0 --from 'in/{paths.jsonl,bytes.jsonl.gz}' --from in/00007/ --to out
    captions=$("$CAPTION" "${given[@]}" pictures/*.png | cut -f2)
    [ "$(ls out | grep -v stats)" = $'00007.jsonl\nbytes.jsonl.gz\npaths.jsonl\nrelabel.json' ]
    diff <(jq -r '.syn_text[]' out/paths.jsonl) - <<<"$captions"
    diff <(zcat out/bytes.jsonl.gz | jq -r '.syn_text[]') - <<<"$captions"
    diff <(jq -r '.syn_text[]' out/00007.jsonl) - <<<"$captions"
    diff <(sed 's/, "syn_text": \[[^]]*\]//' out/paths.jsonl) in/paths.jsonl
    diff <(jq -r .key out/00007.jsonl) <(ls pictures | grep png | sed 's/.png//')
    [ "$(jq -r '.caption' out/00007.jsonl | head -n 2)" = $'text 0\nfrom json 1' ]
}

@test "relabel: bad samples stay and are named, a cut shard is named and left out, the others are done" {
    shards tar in/00000.tar 6 bad
    shards tar in/00001.tar 6
    head -c 5000 in/00001.tar >cut && mv cut in/00001.tar
    head -c 700 <(shards tar in/00002.tar.gz 6; cat in/00002.tar.gz) >cut && mv cut in/00002.tar.gz
    shards lines in/00003.jsonl 3
    printf '{"filepath": "missing.png"}\nno json\n{"other": 1}\n' >>in/00003.jsonl
    relabelled 3 --from 'in/*' --to out
    [ "$(ls out | grep -v stats)" = $'00000.tar\n00003.jsonl\nrelabel.json' ]
    [[ $(<words) == *"in/00001.tar: is cut at byte 5"*"in/00002.tar.gz: "*"2 shards could not be read"*"6 samples are bad"* ]]
    [ "$(jq -r '.bad_samples[] | .key + ": " + .reason' out/00000_stats.json)" = \
        $'00001: it has no picture\n00002: neither JPEG, PNG nor WebP, but text\n00003: its JSON: line 1, column 12: \':\' expected near \'nonsense\'' ] ||
        { cat out/00000_stats.json; false; }
    shards untouched in/00000.tar out/00000.tar 00001 00002 00003
    diff <(tail -n 3 in/00003.jsonl) <(tail -n 3 out/00003.jsonl)
    [ "$(jq -c '[.samples, .captioned, .bad]' out/00003_stats.json)" = '[6,3,3]' ]
}

@test "relabel: killed in the middle and started again, the same bytes, and no picture twice but of the last microbatch" {
    for i in 0 1 2; do shards tar in/0000$i.tar 300; done
    sampled=(--captions 2 --sample --embeddings text --claim-expiry 1)
    relabelled 0 --from 'in/*' --to whole "${sampled[@]}"
    "$RELABEL" "${given[@]}" --microbatch 4 --from 'in/*' --to out "${sampled[@]}" 2>killed 3>&- &
    pids+=($!)
    until [[ -s out/.aside/00001.tar/results ]] && (($(stat -c %s out/.aside/00001.tar/results) > 4000)); do
        kill -0 "${pids[0]}"
        sleep 0.01
    done
    kill -9 "$(pgrep -P "$(pgrep -P "${pids[0]}")" -x coca-relabel)"
    wait "${pids[0]}" || code=$?
    pids=()
    [ "$code" -eq 4 ]
    [ -e out/00000.tar ] && [ ! -e out/00002.tar ]
    relabelled 0 --from 'in/*' --to out "${sampled[@]}"
    [ "$(sed -n 's/.*note: \([0-9]*\) pictures.*/\1/p' words)" -lt 600 ]
    diff <(results whole) <(results out)
    [ -z "$(ls -A out/.aside)" ]
}

@test "relabel: SIGTERM ends it soon, and another start goes on" {
    shards tar in/00000.tar 300
    relabelled 0 --from in/00000.tar --to whole
    "$RELABEL" "${given[@]}" --microbatch 4 --from in/00000.tar --to out 2>stopped 3>&- &
    pids+=($!)
    until [[ -s out/.aside/00000.tar/results ]]; do kill -0 "${pids[0]}"; sleep 0.01; done
    kill -TERM "${pids[0]}"
    wait "${pids[0]}" || code=$?
    pids=()
    [ "${code:-0}" -eq 143 ] || [ -e out/00000.tar ]
    [ -z "$(ls -A out/.claims)" ]
    relabelled 0 --from in/00000.tar --to out
    diff <(results whole) <(results out)
}

@test "relabel: parts of the list, other settings, and what is refused" {
    for i in 0 1 2; do shards tar in/0000$i.tar 3; done
    relabelled 0 --from 'in/{00000..00002}.tar' --to whole
    relabelled 0 --from 'in/{00000..00002}.tar' --to out --part 1/2
    [ "$(ls out | grep tar)" = 00001.tar ]
    relabelled 0 --from 'in/{00000..00002}.tar' --to out --part 0/2
    diff <(results whole) <(results out)
    relabelled 2 --from 'in/*' --to out --sample
    [[ $(<words) == *"was begun with sample = false, and this start has true"*"or give another --to"* ]]
    relabelled 2 --from 'in/00000.tar' --to out
    [[ $(<words) == *"was begun with shard 2 of --from"* ]]
    relabelled 2 --from 'in/*' --to new --part 2/2
    [[ $(<words) == *"--part 2/2: give I/N"* ]]
    relabelled 2 --from 'in/none*.tar' --to new
    [[ $(<words) == *"no such file or folder"* ]]
    relabelled 2 --from 'in/00000.tar::pictures' --to new --format tar
    [[ $(<words) == *"--format tar is for tar shards"* ]]
    relabelled 2 --from in/00000.tar --to new --captions 2
    relabelled 0 --from in/00000.tar --to new
    relabelled 2 --from in/00000.tar --to s3://bucket/there
    [[ $(<words) == *"give --part I/N"* ]]
    mkdir other && cp in/00000.tar other
    relabelled 2 --from 'in/00000.tar::other/00000.tar' --to new
    [[ $(<words) == *"would both have 00000_stats.json"* ]]
}

# serve ARGUMENT ...: a server of the folder root at $url
serve() {
    [[ -e $COCA_BIN/../lib/coca_remote.so ]] || skip "libcurl is missing: ./run.sh build all"
    export HOME=$PWD no_proxy='*'
    mkdir -p root
    python3 "$BATS_TEST_DIRNAME/shard_server.py" root port "$@" >>server.log 2>&1 3>&- &
    pids+=($!)
    until [[ -e port ]]; do kill -0 "${pids[-1]}" || { cat server.log; return 1; }; sleep 0.05; done
    url=http://127.0.0.1:$(<port)
}

@test "relabel: shards of a server, of a command, and to a server: the same bytes, and a cut one is named" {
    shards tar root/in/00000.tar 6
    shards tar root/in/00001.tar.gz 6
    shards tar in/00002.tar 6
    relabelled 0 --from 'root/in/*' --from in/00002.tar --to whole
    serve --s3 READER:secret:us-east-1
    export AWS_ENDPOINT_URL=$url AWS_ACCESS_KEY_ID=READER AWS_SECRET_ACCESS_KEY=secret AWS_REGION=us-east-1
    sources=(--from 's3://root/in/00000.tar::s3://root/in/00001.tar.gz' --from "pipe:cat $PWD/in/00002.tar")
    mkdir -p root/root && mv root/in root/root/in
    echo '/root/in/00000.tar cut 3000 1' >root.faults
    relabelled 0 "${sources[@]}" --to out
    diff <(results whole | grep -v relabel.json) <(results out | grep -v relabel.json)
    relabelled 0 "${sources[@]}" --to s3://root/out --part 0/1
    diff <(results whole | grep -v relabel.json) <(results root/root/out | grep -v relabel.json)
    relabelled 0 "${sources[@]}" --to s3://root/out --part 0/1
    [[ $(<words) == *"0 pictures, 0 captions"*"3 of 3 shards"* ]]
    relabelled 2 "${sources[@]}" --to s3://root/out --part 0/1 --seed 1
    [[ $(<words) == *"was begun with seed = 0, and this start has 1"* ]]
    relabelled 3 "${sources[@]}" --from s3://root/in/none.tar --to left
    [[ $(<words) == *"s3://root/in/none.tar"*"1 shards could not be read"* ]]
    [ -e left/00002.tar ]
}
