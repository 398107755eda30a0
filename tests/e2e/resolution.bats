#!/usr/bin/env bats
# The paper's end phase at the smallest: a model that learnt pictures of 32 pixels goes on with those of 64.

load tiny.bash
PIPELINES=$BATS_TEST_DIRNAME/../../pipelines

# train NAME OPTION ...: four steps on nine captioned pictures.
train() {
    "$PIPELINES/train.sh" --name "$1" --runs runs --train-data data.set --batch-size 6 --microbatch 3 --steps 4 --precision fp32 \
        --threads 1,1 --seed 3 "${@:2}"
}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    tiny_model model.json
    sed -i 's/"image_size": 8, "patch_size": 4/"image_size": 32, "patch_size": 8/' model.json
    tiny_captioned data.set 9
    train small --model model.json --tokenizer "$TINY_VOCABULARY" --lr 1e-2 --ema-decay 0.5
    train large --pretrained runs/small/model --image-size 64 --lr 0.0078125 --warmup 2 --lr-scheduler linear
}
setup() { cd "$BATS_FILE_TMPDIR"; }

# size FILE: what a configuration says of pictures.
size() { sed -nE 's/.*"image_size": *([0-9]+).*/\1/p' "$1"; }
weights() { echo "runs/$1/model/open_clip_model.safetensors"; }

@test "resolution: the run, its exported model and its weights are of the new size" {
    [ "$(size runs/small/model/open_clip_config.json)" = 32 ]
    [ "$(size runs/large/model.json)" = 64 ]
    [ "$(size runs/large/model/open_clip_config.json)" = 64 ]
    grep -q '"size": 64' runs/large/model/open_clip_config.json
    grep -q 'positional_embedding: \[16,16\] in the file, resampled to \[64,16\] (bicubic, antialiased, a = -0.5' runs/large/log/image-encode.log
}

@test "resolution: the schedule begins anew, with its own warm-up, length and rate" {
    [ "$(sed -nE 's/.*"step": *([0-9]+).*/\1/p' runs/large/metrics.jsonl | tr '\n' ' ')" = "0 1 2 3 " ]
    [ "$(sed -nE 's/.*"lr": *([0-9.e-]+).*/\1/p' runs/large/metrics.jsonl | tr '\n' ' ')" = "0.00390625 0.0078125 0.0078125 0.00390625 " ]
}

@test "resolution: caption, embed and eval work at the new size, and at another one for once" {
    local given=(--run large --runs runs --precision fp32 --threads 1)
    "$PIPELINES/caption.sh" "${given[@]}" captioned/0[0-2].png >captions
    [ "$(wc -l <captions)" -eq 3 ]
    "$PIPELINES/embed.sh" "${given[@]}" --out large.npy captioned/0[0-2].png
    "$PIPELINES/embed.sh" "${given[@]}" --image-size 48 --resample linear --out other.npy captioned/0[0-2].png
    refute cmp -s large.npy other.npy
    "$PIPELINES/eval.sh" "${given[@]}" --retrieval data.set --microbatch 3 >result
    grep -q 'image_retrieval_recall@1' result
}

@test "resolution: the rule is chosen, kept, and not changed by a resumed run" {
    train linear --pretrained runs/small/model --image-size 64 --resample linear --lr 0
    train bicubic --pretrained runs/small/model --image-size 64 --lr 0
    run coca-tap diff "$(weights linear)" "$(weights bicubic)" --tensor visual.positional_embedding
    [ "$status" -eq 1 ]
    coca-tap diff "$(weights linear)" "$(weights bicubic)" --tensor visual.conv1.weight
    coca-tap diff "$(weights linear)" "$(weights small)" --tensor visual.conv1.weight
    run train linear --resume latest --resample bicubic
    [ "$status" -eq 2 ]
    run train linear --resume latest --image-size 32
    [ "$status" -eq 2 ]
    train linear --resume latest --steps 5
    [ "$(wc -l <runs/linear/metrics.jsonl)" -eq 5 ]
}

@test "resolution: a checkpoint goes on at another size as a finished model does" {
    train again --pretrained runs/small/checkpoints/step-4 --image-size 64
    [ "$(size runs/again/model.json)" = 64 ]
}

@test "resolution: sizes that the patches do not cut are refused with the nearest that fit" {
    run train odd --pretrained runs/small/model --image-size 60
    [ "$status" -eq 2 ]
    [[ $output == *"--image-size 60: patch_size does not divide image_size: 60 is no multiple of 8, unlike 56 and 64"* ]]
    run train odd --pretrained runs/small/model --image-size 5
    [ "$status" -eq 2 ]
    [[ $output == *"5 is no multiple of 8, unlike 8" ]]
    run train odd --pretrained runs/small/model --image-size 4096
    [ "$status" -eq 2 ]
    [[ $output == *"too many image tokens"* ]]
    [ ! -e runs/odd/run.json ]
}

@test "resolution: a model of open_clip's family takes pictures of another size as well" {
    local theirs=$BATS_TEST_DIRNAME/../parity/open_clip_legacy size
    for size in 15 35; do
        "$PIPELINES/embed.sh" --model "$theirs/model.json" --pretrained "$theirs/weights.safetensors" --image-size $size \
            --precision fp32 --threads 1 --out $size.npy captioned/0[0-2].png
    done
    refute cmp -s 15.npy 35.npy
}
