#!/usr/bin/env bats
# coca-score probe and pipelines/probe.sh: a linear layer on embeddings.

load tiny

setup_file() { tiny_trained; }
setup() { tiny_setup; }
teardown() { tiny_teardown; }

# npy FILE N E: f32 from stdin, as octal escapes of bytes, behind a header.
npy() {
    local header="{'descr': '<f4', 'fortran_order': False, 'shape': ($2, $3), }"
    { printf '\223NUMPY\1\0\166\0%-117s\n' "$header" && cat; } >"$1"
}
# corners N: features of N pictures of tiny_labelled, two of width 3: 1 where the class is, and a little of the picture.
corners() {
    local i
    for ((i = 0; i < $1; i++)); do
        case $((i % 3)) in
        0) printf '\0\0\200\077\0\0\0\0\0\0\0\0' ;;
        1) printf '\0\0\0\0\0\0\200\077\0\0\0\0' ;;
        2) printf '\0\0\0\0\0\0\0\0\0\0\200\077' ;;
        esac
    done
}
probe() { coca-score probe --train-features train.npy --train-data train.set --test-features test.npy --test-data test.set "$@"; }
# sets: 12 pictures to train on and 5 to measure.
sets() {
    tiny_labelled train.set 12
    tiny_labelled test.set 5
    corners 12 | npy train.npy 12 3
    corners 5 | npy test.npy 5 3
}
# refused CODE WORDS ARGUMENT ...: the exit code and what is said.
refused() {
    local code=$1 words=$2
    shift 2
    run probe "$@"
    echo "$output"
    [ "$status" -eq "$code" ]
    [[ $output == *"$words"* ]]
}

@test "probe: both protocols tell corners apart, and each has its own place in the results" {
    sets
    for protocol in clip clip-benchmark; do
        probe --protocol $protocol --results results.json >line
        grep -q '"dataset": "[^"]*test.set", .*"task": "linear_probe", "metrics": {"acc1": 1.0, "mean_per_class_recall": 1.0' line
        grep -q "\"protocol\": \"$protocol\"" line
        probe --protocol $protocol --results results.json >again
        cmp line again
    done
    probe --protocol clip-benchmark --hold-out 0 --results results.json >line
    grep -q '"weight_decay": 0.0' line
    probe --shots 1 --regularisation 2 --seed 5 --results results.json >line
    grep -q '"C": 2.0.*"shots": 1, "seed": 5' line
    [ "$(grep -c '"task"' results.json)" -eq 3 ]
    probe --val-features test.npy --val-data test.set 2>&1 >line | grep -q "of 5 validation samples right"
}

@test "probe: what cannot be right is refused by name" {
    sets
    corners 11 | npy train.npy 11 3
    refused 3 "train.npy: 11 rows, but train.set has 12 records"
    corners 12 | npy train.npy 12 3
    { corners 3 && printf '\0\0\300\177\0\0\0\0\0\0\0\0' && corners 1; } | npy test.npy 5 3
    refused 3 "test.npy: row 3 is not finite"
    { corners 4 && printf '\0\0\0\0\0\0\0\0\0\0\0\0'; } | npy test.npy 5 3
    refused 3 "test.npy: row 4 is zero"
    head -c 60 /dev/zero | tr '\0' '\1' | npy test.npy 3 5
    refused 3 "test.npy: 3 rows"
    { corners 5 && corners 5; } | npy test.npy 5 6
    refused 3 "test.npy has rows of 6 features, train.npy of 3"
    corners 5 | npy test.npy 5 3
    refused 3 "train.set: class 0 has 4 samples, fewer than --shots 5" --shots 5
    refused 2 "nothing to hold out" --shots 1
    refused 2 "--hold-out 0" --hold-out 0
    refused 2 "C is above 0" --regularisation 0
    refused 2 "--val-features FILE.npy and --val-data DIR together" --val-data test.set
    refused 2 "--train-data and --test-data" --data test.set
    tiny_labelled two.set 2
    corners 2 | npy two.npy 2 3
    refused 3 "test.set: record 2 has class 2, which the training set lacks" --train-features two.npy --train-data two.set
    tiny_captioned plain.set 5
    refused 3 "plain.set: no record has a class" --test-data plain.set
}

@test "probe.sh: embeddings are made once, for the weights, data and options that they are of" {
    local probe=$BATS_TEST_DIRNAME/../../pipelines/probe.sh
    cp -r "$BATS_FILE_TMPDIR/runs" .
    tiny_labelled train.set 12
    tiny_labelled test.set 5
    "$probe" --run made --runs runs --train-data train.set --val-data test.set >line 2>words
    grep -q '"task": "linear_probe"' line
    [ "$(grep -c 'embeddings of width' words)" -eq 2 ]
    [ "$(grep -c '"task"' runs/made/results.json)" -eq 1 ]
    "$probe" --run made --runs runs --train-data train.set --val-data test.set >again 2>words
    cmp line again
    [ "$(grep -c 'embeddings of width' words)" -eq 0 ]
    "$probe" --run made --runs runs --precision bf16 --train-data train.set --val-data train.set --test-data test.set >line 2>words
    [ "$(grep -c 'embeddings of width' words)" -eq 2 ]
    run "$probe" --run made --runs runs --train-data train.set
    [ "$status" -eq 2 ]
    run "$probe" --run made --runs runs --train-data nowhere --val-data test.set
    [ "$status" -eq 3 ]
}
