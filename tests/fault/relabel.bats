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

# ends: all shards are done.
ends() { eventually claimants_ended || { tail -n 20 claimant.*.log; return 1; }; }
# counted N: so many shards are done, none of them written again. Claimants that were killed are started again.
counted() {
    claimants_ended || true
    finished_once killed && [[ -e finished ]] && (($(wc -l <finished) >= $1))
}

@test "three claimants make what one makes" {
    claimants 3 three
    ends
    same_shards quiet three
    coca-relabel status three --once --json | jq -e '.complete and .pictures == 800 and .captions == 1600 and .working == []'
}

@test "claimants that are killed at random and started again make what one makes, and no shard twice" {
    local kills
    RANDOM=3
    claimants 3 killed
    for ((kills = 0; kills < 8; kills++)); do
        eventually counted $((2 * kills))
        sleep "0.$((RANDOM % 3))"
        kill_one
        echo "# killed ${killed:-what was gone}"
    done
    ends
    finished_once killed
    same_shards quiet killed
}
