#!/usr/bin/env bats
# The verification of a GPU, tried at tiny sizes on a CPU: that every part runs and says what it found.

GPU=$BATS_TEST_DIRNAME/../gpu

setup() {
    cd "$(mktemp -d)"
    export COCA_GPU_DEVICE=cpu TMPDIR=$PWD
    export COCA_BIN=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
}
teardown() { rm -rf "$PWD"; }

@test "parts that need no tools of others, and are no tests themselves" {
    "$GPU/run.sh" --small --out out prepare golden bits speed decode captions profile attention contrast
    [ "$(grep -c ' s  passed$' out/summary.txt)" -eq 9 ]
    [ "$(grep -c 'samples/s, .* of 989 TFLOP/s$' out/summary.txt)" -eq 4 ]
    [ "$(grep -c 'ms of a step: text embeddings .*, next step ' out/summary.txt)" -eq 4 ]
    [ "$(grep -c 'bit for bit' out/summary.txt)" -eq 1 ]
    [ "$(grep -c 'captions/s in batches' out/summary.txt)" -eq 1 ]
    [ "$(grep -c '^    linear_forward ' out/summary.txt)" -eq 2 ]
    [ "$(grep -c '^ *40 *88 causal' out/summary.txt)" -eq 1 ]
    [ "$(grep -c 'from the last embedding to the first gradient' out/summary.txt)" -eq 1 ]
    [ "$(ls out | xargs)" = "log.txt summary.txt" ]
}

@test "a part that fails is told from one that lacks a tool and one without time" {
    mkdir bin
    printf '#!/bin/sh\necho "no such GPU"; exit 3\n' >bin/coca-text-decode
    chmod +x bin/coca-text-decode
    for program in "$COCA_BIN"/*; do [ -e "bin/${program##*/}" ] || ln -s "$program" bin/; done
    ln -s "$COCA_BIN"/../tests "$COCA_BIN"/../gpu .
    export COCA_BIN=$PWD/bin PATH=/usr/bin:/bin
    run "$GPU/run.sh" --small --out out memcheck captions
    [ "$status" -eq 1 ]
    [[ $output == *"captions: FAILED"*"no such GPU"* ]]
    grep -q '^memcheck .* not run: no compute-sanitizer here$' out/summary.txt
    run "$GPU/run.sh" --small --seconds 1 --out out captions
    [ "$status" -eq 1 ]
    grep -q '^captions .* not run: no time left$' out/summary.txt
    run "$GPU/run.sh" --small --out out memcheck
    [ "$status" -eq 0 ]
}
