#!/usr/bin/env bats
# pipelines/relabel.sh with several claimants whose processes are killed: the shards are those of one that nothing happened to.
# relabel_kills.sh does so for longer.

load ../e2e/tiny.bash
load relabel.bash

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    relabel_data 20 40
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
    ends 240
    same_shards quiet three
    coca-relabel status three --once --json | jq -e '.complete and .pictures == 800 and .captions == 1600 and .working == []'
}

@test "claimants that are killed at random and started again make what one makes, and no shard twice" {
    local kills=0 deadline=$((SECONDS + 240))
    RANDOM=3
    claimants 3 killed
    for ((kills = 0; kills < 8; kills++)); do
        until finished_once killed && [[ -e finished ]] && (($(wc -l <finished) >= 2 * kills)); do
            claimants_ended || true # those that left are started again
            ((SECONDS < deadline)) && sleep 0.05
        done
        sleep "0.$((RANDOM % 3))"
        kill_one
        echo "# killed ${killed:-what was gone}"
    done
    ends 240
    finished_once killed
    same_shards quiet killed
}
