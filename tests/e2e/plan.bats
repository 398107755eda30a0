#!/usr/bin/env bats
# coca-loss --plan: from options alone, and beside what runs say.

load tiny.bash
bats_require_minimum_version 1.5.0

setup_file() {
    local replicas
    tiny_trained
    for replicas in 1 2; do
        "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name "planned-$replicas" --runs runs --model model.json --replicas $replicas \
            --tokenizer "$TINY_VOCABULARY" --train-data data.set --batch-size 32 --microbatch 8 --steps 20 --precision fp32 --threads 1,1
    done
}
setup() { tiny_setup; }
teardown() { tiny_teardown; }

# plan OPTION ...: its JSON in plan.json.
plan() { coca-loss --plan --json "$@" >plan.json; }
# holds FILTER: jq's, true of plan.json.
holds() { jq -e "$1" plan.json >/dev/null || { jq . plan.json; return 1; }; }

@test "plan: the paper's model on many hosts" {
    coca-loss --plan --model coca_2b --batch-size 65536 --microbatch 128 --replicas 64,64 --precision bf16 --recompute microbatch \
        --hosts 16 --gpus-per-host 8 --tflops 400 --gbps 400 >table
    [ "$(grep -c '^[> ] [0-9]*,[0-9]* ' table)" -eq 7 ]
    grep '^> 64,64' table
    grep 'each rank of image-encode sends, and receives: gradients in f32 to their owners 4053360024 bytes, values in bf16 back 2026680012' table
    plan --model coca_2b --batch-size 65536 --microbatch 128 --precision bf16 --hosts 16 --gpus-per-host 8 --tflops 400 --gbps 400
    holds '[.plans[].seconds] | . == (sort | reverse)'
    holds '[.plans[]["image-encode"].memory] | . == (sort | reverse)'
    # 2(R - 1)/R of the numbers: four bytes there, two back
    holds 'all(.plans[]["text-decode"]; (.gradient_bytes + .value_bytes) * .ranks == 6 * (.ranks - 1) * .parameters)'
}

@test "plan: bytes and messages are those of runs, a rank's memory what it announced" {
    local runs=$BATS_FILE_TMPDIR/runs
    plan --measured "$runs/planned-1" --measured "$runs/planned-2" --gpus-per-host 2
    holds '[.plans[] | select(.measured)] | length == 2'
    # what begins and ends a run are messages too, at most 15 of each stage's
    holds 'all(.plans[] | select(.measured) | . as $p | "image-encode", "text-decode", "loss" | . as $s | $p.measured[$s] as $m
        | $p[$s].traffic as $t | "messages_in", "messages_out" | $m[.] - $t[.]; . >= 0 and . < 15 * 3 / 20)'
    holds 'all(.plans[] | select(.measured) | . as $p | "image-encode", "text-decode", "loss" | . as $s | $p.measured[$s] as $m
        | $p[$s].traffic as $t | "bytes_in", "bytes_out" | $t[.] / $m[.]; . > 0.95 and . < 1.005)'
    holds 'all(.plans[] | select(.measured and .["text-decode"].ranks == 2) | .["image-encode"], .["text-decode"]
        | .gradient_bytes; . > 0)'
    holds 'all(.plans[] | select(.measured and .["text-decode"].ranks == 2) | . as $p | "image-encode", "text-decode" | . as $s
        | ($p[$s].gradient_bytes + $p[$s].value_bytes) / $p.measured[$s].sent_to_ranks; . > 0.9 and . <= 1)'
    # the program itself, of some MiB, is not in the plan
    holds 'all(.plans[] | select(.measured) | . as $p | "image-encode", "text-decode", "loss"
        | $p.measured[.].announced - $p[.].memory; . > 0 and . < 200 * 1048576)'
    # the run of one rank is what the rates were taken from
    holds 'all(.plans[] | select(.measured and .["text-decode"].ranks == 1) | .seconds / .measured.seconds; . > 0.99 and . < 1.01)'
}

@test "plan: what it cannot do without, and what it refuses" {
    # refused CODE WORDS OPTION ...
    refused() {
        run coca-loss --plan "${@:3}"
        [ "$status" -eq "$1" ]
        [[ $output == *"$2"* ]] || { echo "$output"; false; }
    }
    refused 2 'give --tflops T' --model model.json
    refused 2 'give --gbps G' --model model.json --tflops 1 --microbatch 8
    refused 2 'so 1, 2, 4,' --model model.json --tflops 1 --gbps 1 --microbatch 8 --replicas 3
    refused 2 'at most' --model model.json --tflops 1 --gbps 1 --caption-length 9
    refused 2 'all loss weights are 0' --model model.json --tflops 1 --coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0
    refused 3 'run.json' --measured nowhere
    mkdir cut
    cp "$BATS_FILE_TMPDIR"/runs/planned-1/{run,model}.json cut
    : >cut/metrics.jsonl
    refused 3 'no step' --measured cut
    echo '{"step": 0}' >cut/metrics.jsonl
    refused 3 'line 1 has no samples_per_second' --measured cut
    coca-loss --plan --model model.json --tflops 1 --batch-size 8 >table # one rank exchanges nothing
    grep '^> 1,1' table
}
