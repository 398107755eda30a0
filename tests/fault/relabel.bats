#!/usr/bin/env bats
# pipelines/relabel.sh with several claimants whose processes are killed: the shards are those of one that nothing happened to.
# relabel_kills.sh does so for longer.

load ../e2e/tiny.bash
load relabel.bash

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    relabel_data 20 24
    relabel_alone quiet
}
setup() {
    cd "$BATS_FILE_TMPDIR" || return
    export TMPDIR=$PWD
    rm -f finished claimant.*.log
}
teardown() { claimants_down; }

# ends SECONDS: all shards are done by then.
ends() {
    local deadline=$((SECONDS + $1))
    until claimants_ended; do
        ((SECONDS < deadline)) || { tail -n 20 claimant.*.log; return 1; }
        sleep 0.05
    done
}

@test "three claimants make what one makes" {
    claimants 3 three
    ends 60
    same_shards quiet three
    coca-relabel status three --once --json | jq -e '.complete and .pictures == 480 and .captions == 960 and .working == []'
}

@test "claimants that are killed at random and started again make what one makes, and no shard twice" {
    local kills=0
    RANDOM=3
    claimants 3 killed
    while ((kills < 8)) && ! claimants_ended; do
        sleep "0.$((RANDOM % 9))"
        finished_once killed
        kill_one
        [[ -z $killed ]] || { echo "# killed $killed"; kills=$((kills + 1)); }
    done
    ((kills >= 4))
    ends 60
    finished_once killed
    same_shards quiet killed
}
