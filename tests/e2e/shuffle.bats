#!/usr/bin/env bats
# The plan in blocks: what a run reads, across workers, a kill and resume, and how far apart neighbours end up.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
STEPS=20

# Datasets of 13 and 7 records in parts of two, and the run that others are held against.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned whole.set 13
    coca-pack pack --from dataset whole.set --to large.set --shard-records 2
    coca-pack pack --from dataset whole.set --to small.set --shard-records 2 --limit 7
    train blocks --steps $STEPS >blocks.log
}
setup() { cd "$BATS_FILE_TMPDIR" || return; }

train() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" --train-data large.set::small.set \
        --train-data-weights 3::1 --shuffle blocks:3 --batch-size 8 --microbatch 2 --lr 1e-2 --lr-scheduler const \
        --precision fp32 --threads 1,1 --seed 5 "$@" 2>&1
}
numbers_of() { sed 's/, "samples_per_second.*//' "runs/$1/metrics.jsonl"; }
same_run() {
    local weights=model/open_clip_model.safetensors
    diff <(numbers_of "$1") <(numbers_of "$2") && cmp "runs/$1/$weights" "runs/$2/$weights"
}
# drawn OPTION ...: dataset and record of each sample, in order.
drawn() {
    coca-decode --model model.json --images file:images.rec --train-data large.set::small.set --batch-size 8 --steps 30 --seed 5 "$@"
    coca-tap export images.rec --tensor ids --out ids.npy
    tail -c +129 ids.npy | od -An -v -w8 -tu8 | awk '{printf "%d %d\n", $1 / 2 ^ 48, $1 % 2 ^ 48}'
}

@test "resumed in mid-epoch, with one and three workers, blocks are the undisturbed run's" {
    local workers
    train global --steps $STEPS --shuffle global
    refute same_run blocks global
    for workers in 1 3; do
        train "halves-$workers" --steps 9 --workers $workers --tokenize-workers $workers
        train "halves-$workers" --resume latest --steps $STEPS --workers $((4 - workers))
        same_run blocks "halves-$workers"
    done
}

@test "what blocks do is said at the start, and beside other orders" {
    grep 'large.set: blocks of 3 of its 7 parts, 6 records: neighbours of a part stand about 2 of its samples apart' blocks.log
    coca-pack shuffle large.set --shuffle blocks:1 --shuffle blocks:7 >table
    [ "$(awk 'NR > 2 {print $1}' table | tr '\n' ' ')" = 'global blocks:1 blocks:7 MosaicML LitData ' ]
    [ "$(awk '$1 == "blocks:1" {print $2, $NF}' table)" = '1 -' ]
    run coca-pack shuffle large.set --shuffle blocks:8
    [ "$status" -eq 2 ] && [[ $output == *'the dataset has 7 parts'* ]]
}

@test "each dataset covers itself in windows, by its weight" {
    drawn --train-data-weights 3::1 --shuffle blocks:3 >drawn
    [ "$(awk '{n[$1]++} END {print n[0], n[1]}' drawn)" = '180 60' ]
    # large: 13 records an epoch, each once; of its 7 parts at most 3 are begun and not done.
    awk '$1 == 0 { record = $2; epoch = int((k++) / 13); part = int(record / 2)
            if (seen[epoch, record]++) bad = 1
            left[part] = left[part] ? left[part] - 1 : (part == 6 ? 1 : 2) - 1
            open = 0; for (p in left) open += left[p] > 0
            if (open > 3) bad = 1 }
         END { exit bad }' drawn
    drawn --train-data-weights 3::1 >global
    refute cmp -s drawn global
    [ "$(awk '$1 == 0 {print $2}' global | head -n 13 | sort -n | uniq | wc -l)" -eq 13 ]
}

@test "another order, and windows that do not fit, are refused" {
    run train blocks --resume latest --steps 30 --shuffle global
    [ "$status" -eq 2 ] && [[ $output == *'--shuffle is "global" and was "blocks:3"'* ]]
    run train blocks --resume latest --steps 30 --shuffle blocks:2
    [ "$status" -eq 2 ]
    run train wide --steps 1 --shuffle blocks:8
    [ "$status" -eq 2 ] && [[ $output == *'the dataset of most has 7 parts'*'so W is 1 to 7'* ]]
    [ ! -e runs/wide/run.json ]
    run train wide --steps 1 --shuffle block
    [ "$status" -eq 2 ] && [[ $output == *'global, or blocks:W'* ]]
}

@test "options of caches are every worker's, and no part of a run's identity" {
    local stage
    for stage in coca-decode coca-tokenize coca-label; do
        "$stage" --help >help
        for option in shuffle cache cache-gib remote-retries remote-timeout; do grep -q -- "^ *--$option " help; done
    done
    train cached --steps 4 --cache cache --cache-gib 2 --remote-retries 1
    [ "$(jq -r .options.cache runs/cached/run.json)" = "$PWD/cache" ]
    train cached --resume latest --steps $STEPS --cache-gib 3 --remote-timeout 5
    jq -e '.options | .["cache-gib"] == 3 and .["remote-retries"] == 1 and .["remote-timeout"] == 5' runs/cached/run.json
    same_run blocks cached
}
