#!/usr/bin/env bats
# What is said of a folder that shards are relabelled into: how far it is, and a page of some results. The folders here are
# written by hand, in the form of stages/coca-relabel/folder.h.

load tiny.bash

setup() {
    cd "$BATS_TEST_TMPDIR" || exit
    export TMPDIR=$PWD
    mkdir -p job/.claims
}

names() { local IFS=,; local list=("${@/#/\"}"); echo "{\"settings\": {\"seed\": 1}, \"shards\": [${list[*]/%/\"}]}" >job/relabel.json; }
stats() { echo "{\"samples\": $2, \"captioned\": $(($2 - $5)), \"captions\": $3, \"filtered\": $4, \"bad\": $5}" >"job/${1%%.*}_stats.json"; }
finish() { stats "$@"; echo >"job/$1"; }
# claim SHARD~GENERATION HOST PID PICTURES CAPTIONS BAD SECONDS
claim() { printf '%-511s\n' "$2 $3 $4 $5 $6 $7 abc" >"job/.claims/$1"; }

@test "status counts what is done and who works at what, and foretells the end" {
    names a.tar b.tar c.tar d.tar
    finish a.tar 100 490 3 2
    claim 'a.tar~1' old 1 100 490 2 60 # of what is done
    claim 'b.tar~1' left 77 50 250 1 10
    claim 'c.tar~3' right 78 20 100 0 10
    claim 'c.tar~2' before 79 90 450 0 10
    touch -d '-1000 seconds' 'job/.claims/c.tar~3'
    run coca-relabel status job --once --json
    [ "$status" -eq 0 ]
    jq -e '.complete == false and .shards == 4 and .shards_done == 1 and .shards_working == 1' <<<"$output"
    jq -e '.pictures == 150 and .captions == 740 and .bad == 3 and .filtered == 3' <<<"$output"
    jq -e '[.working[] | [.shard, .host, .pid, .pictures, .captions, .bad, .expired]] ==
        [["b.tar", "left", 77, 50, 250, 1, false], ["c.tar", "right", 78, 20, 100, 0, true]]' <<<"$output"
    # 100 pictures a shard, 250 of them left, 50 in ten seconds and what passed since
    jq -e '.pictures_per_second <= 5 and (.seconds_left * .pictures_per_second - 250 | fabs) < 0.01' <<<"$output"
    run coca-relabel status job --once
    [[ ${lines[0]} == "relabel 1/4 shards, 1 in work, 150 pictures ("*"/s), 740 captions ("*"/s), 3 bad, 3 filtered, "*" left" ]]
    [[ ${lines[1]} == *"b.tar: left (process 77), for 0:1"*": 50 pictures, 250 captions, 1 bad" ]]
    [[ ${lines[2]} == *"c.tar: right (process 78), for 16:"*"silent for too long"* ]]
    # Claims that may be silent for longer.
    coca-relabel status job --once --json --claim-expiry 5000 | jq -e '.shards_working == 2 and .pictures == 170'
}

@test "status knows nothing of rates before there are any, and that all is done" {
    names a.tar b.tar
    coca-relabel status job --once --json |
        jq -e '.pictures == 0 and .pictures_per_second == null and .seconds_left == null and .working == [] and (.complete | not)'
    finish a.tar 10 10 0 0
    finish b.tar 0 0 0 0
    coca-relabel status job --once --json | jq -e '.complete and .seconds_left == 0 and .shards_done == 2 and .pictures == 10'
}

@test "status watches until all shards are done" {
    names a.tar b.tar
    coca-relabel status job --interval 0.02 2>said &
    local watcher=$!
    until grep -q '^relabel 0/2 shards, 0 in work, 0 pictures' said; do sleep 0.02; done
    finish a.tar 10 20 0 1
    until grep -q '^relabel 1/2 shards, 0 in work, 10 pictures (.*/s), 20 captions (.*/s), 1 bad, .* left$' said; do sleep 0.02; done
    finish b.tar 10 20 0 0
    wait $watcher
    [[ $(tail -n 1 said) == "relabel 2/2 shards, 20 pictures "*", all done" ]]
}

@test "status refuses what is no such folder" {
    run coca-relabel status nowhere --once
    [ "$status" -eq 3 ] && [[ $output == *"nowhere/relabel.json"* ]]
    echo '{"shards": 3}' >job/relabel.json
    run coca-relabel status job --once
    [ "$status" -eq 3 ] && [[ $output == *"job/relabel.json: this is not what coca-relabel wrote"* ]]
    names a.tar
    finish a.tar 1 1 0 0
    echo '{"samples": -1}' >job/a_stats.json
    run coca-relabel status job --once
    [ "$status" -eq 3 ] && [[ $output == *"job/a_stats.json"* ]]
    run coca-relabel status
    [ "$status" -eq 2 ]
}

# Four shards of two samples each: a tar, a packed tar, JSON lines with paths and base64, a folder.
written_job() {
    local i
    tiny_pictures pictures 8
    mkdir tar folder lists
    for i in 0 1 2 3; do
        cp pictures/0$i.png tar/s$i.png
        echo "old $i" >tar/s$i.txt
        echo "{\"syn_text\": [\"new <$i>\", \"other $i\"], \"clipscore\": [0.$i, 0.5]}" >tar/s$i.json
    done
    tar -C tar -cf job/a.tar s0.json s0.png s0.txt s1.json s1.png s1.txt
    tar -C tar -czf job/b.tar.gz s2.json s2.png s2.txt s3.json s3.png s3.txt
    cp pictures/04.png lists/
    printf '%s\n' '{"key": "s4", "path": "04.png", "caption": "old 4"}' \
        "{\"key\": \"s5\", \"image\": \"$(base64 -w 0 pictures/05.png)\", \"caption\": [\"old 5\", \"older 5\"]}" >lists/c.jsonl
    jq -c '. + {syn_text: ["new \(.key)"]}' lists/c.jsonl >job/c.jsonl
    cp pictures/06.png folder/s6.png
    echo no picture >folder/s7.png
    printf '%s\n' '{"key": "s6", "caption": "old 6", "syn_text": ["new 6"]}' '{"key": "s7", "caption": "old 7"}' >job/d.jsonl
    jq -n --arg here "$PWD" '{settings: {key: "syn_text"}, shards: ["a.tar", "b.tar.gz", "c.jsonl", "e.tar", "d.jsonl"],
        from: ["/nowhere/a.tar", "/nowhere/b.tar.gz", ($here + "/lists/c.jsonl"), "/nowhere/e.tar", ($here + "/folder")]}' >job/relabel.json
    for i in a.tar b.tar.gz c.jsonl d.jsonl; do stats $i 2 2 0 0; done
}
page() { coca-relabel page job --html page.html "$@"; }
figures() { grep -c '^<figure>' page.html; }

@test "page shows pictures of all kinds of shards, what they are called now and before" {
    local i
    written_job
    page
    [ "$(figures)" -eq 8 ]
    for i in 0 1 2 3 4 5 6; do
        grep -A1 "base64,$(base64 -w 0 pictures/0$i.png)\"" page.html >figure
        grep -q "s$i</div></figcaption></figure>\$" figure
        grep -q "old $i</dd>" figure
    done
    grep -q '<dt>new</dt><dd class="generated" dir="auto">new &lt;3&gt; <span class="score">0.300</span></dd><dd class="generated" dir="auto">other 3 <span class="score">0.500</span></dd>' page.html
    grep -q '<dd dir="auto">old 5</dd><dd dir="auto">older 5</dd>' page.html
    [ "$(grep -A1 'no picture' page.html | grep -c '(none).*old 7.*d.jsonl: s7')" -eq 1 ]
    refute grep -q 'src="[^d]' page.html
    [ "$(grep -c '<p>8 of 8 results, drawn with seed 0' page.html)" -eq 1 ]
    [ ! -e coca-relabel.* ] # copies of what is packed
}

@test "page draws by the seed, and reads only what it drew from" {
    local i
    written_job
    page --results 3
    [ "$(figures)" -eq 3 ]
    cp page.html first.html
    page --results 3 && cmp page.html first.html
    page --results 3 --seed 7
    refute cmp -s page.html first.html
    # A shard that is damaged is met by who draws from it alone.
    echo damaged >job/b.tar.gz
    for i in {0..40}; do
        if page --results 1 --seed "$i" 2>said; then touch without; else touch with; grep -q 'b.tar.gz' said; fi
    done
    [ -e with ] && [ -e without ]
}

@test "page refuses what it cannot show" {
    run coca-relabel page job --html page.html
    [ "$status" -eq 3 ]
    names a.tar
    run coca-relabel page job --html page.html
    [ "$status" -eq 3 ] && [[ $output == *"does not say the key of captions"* ]]
    written_job
    run coca-relabel page job
    [ "$status" -eq 2 ] && [[ $output == *"--html FILE"* ]]
    run coca-relabel page job --html nowhere/page.html
    [ "$status" -eq 1 ] && [[ $output == *"nowhere/page.html"* ]]
    stats a.tar 3 3 0 0
    run coca-relabel page job --html page.html
    [ "$status" -eq 3 ] && [[ $output == *"job/a.tar: has fewer samples than its statistics say"* ]] && [ ! -e page.html ]
    rm job/*.tar job/*.gz job/*.jsonl
    run coca-relabel page job --html page.html
    [ "$status" -eq 2 ] && [[ $output == *"no shard is done yet"* ]]
}
