#!/usr/bin/env bats
# What is said of a folder that shards are relabelled into: how far it is, and a page of some results. The folders here are
# written by hand, in the form of stages/coca-relabel/folder.h.

setup() {
    export PATH=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}:$PATH
    cd "$BATS_TEST_TMPDIR" || exit
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
