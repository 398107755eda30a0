#!/usr/bin/env bats
# Fine-tunes through the real processes, from weights of open_clip's family.

load tiny.bash
load ../parity/hold.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
MODEL_FOLDER=$BATS_TEST_DIRNAME/../parity/open_clip_legacy

setup() {
    local edge
    cd "$(mktemp -d)"
    for edge in images tokens; do
        coca-tap import "$MODEL_FOLDER/batch.safetensors" --edge $edge --microbatch 2 --steps 4 --out $edge.rec
    done
}
teardown() { rm -rf "$PWD"; }

tune() {
    local name=$1
    shift
    "$TRAIN" --name "$name" --runs runs --model "$MODEL_FOLDER/model.json" --pretrained "$MODEL_FOLDER/weights.safetensors" \
        --images file:images.rec --tokens file:tokens.rec --steps 4 --batch-size "$(batch_size "$MODEL_FOLDER")" --microbatch 2 \
        --precision fp32 --threads 1,1 --lr 1e-3 "$@"
}

# same NAME TENSOR: it is still what it was. learnt NAME TENSOR: it is not.
same() { coca-tap diff "runs/$1/model/open_clip_model.safetensors" "$MODEL_FOLDER/weights.safetensors" --tensor "$2"; }
learnt() { differ "runs/$1/model/open_clip_model.safetensors" "$MODEL_FOLDER/weights.safetensors" --tensor "$2"; }
# differ A B OPTION ...: both have the tensor, with other numbers.
differ() {
    run coca-tap diff "$@"
    [ "$status" -eq 1 ] && [[ $output == *"largest difference"* ]]
}

@test "a locked image tower keeps its bits, and text learns" {
    run tune locked --lock-image --wd 0.1 --dump dump --dump-step 1
    [ "$status" -eq 0 ]
    for name in visual.conv1.weight visual.proj visual.attn_pool.query visual.transformer.resblocks.1.mlp.c_fc.weight; do
        same locked $name
    done
    learnt locked text.token_embedding.weight
    learnt locked text_decoder.text_projection
    # Gradients of two steps are alike only where both are zero.
    run tune again --lock-image --wd 0.1 --dump dump2 --dump-step 0
    coca-tap diff dump/grads.safetensors dump2/grads.safetensors --tensor visual.proj
    differ dump/grads.safetensors dump2/grads.safetensors --tensor text.text_projection
}

@test "unlocked groups are trained, and so is the decoder of a locked text tower" {
    run tune groups --lock-image --lock-image-unlocked-groups 2 --lock-text
    [ "$status" -eq 0 ]
    same groups visual.transformer.resblocks.0.ln_1.weight
    same groups text.token_embedding.weight
    learnt groups visual.transformer.resblocks.1.ln_1.weight
    learnt groups visual.proj
    learnt groups text_decoder.cross_attn.0.ln_1.weight
    run tune groups --resume latest --lock-image-unlocked-groups 1
    [ "$status" -eq 2 ]
}

@test "lower layers learn slower, and captions alone are warned of" {
    run tune decay --layer-decay 0.5
    [ "$status" -eq 0 ]
    run tune plain
    [ "$status" -eq 0 ]
    differ runs/{decay,plain}/model/open_clip_model.safetensors --tensor visual.conv1.weight
    run tune captions --coca-contrastive-loss-weight 0
    [ "$status" -eq 0 ]
    [[ $output == *"--coca-contrastive-loss-weight keeps it"* ]]
    same captions logit_scale
}

@test "the sigmoid loss learns its bias, and the model that is left goes on with it" {
    run tune sigmoid --contrastive-loss sigmoid
    [ "$status" -eq 0 ]
    [[ $output == *"has no logit_bias; it starts at -10"* ]]
    [[ $output == *"sigmoid of each pair"*"bias -10"* ]]
    [ "$(numbers_of logit_bias runs/sigmoid/metrics.jsonl | sort -u | wc -l)" -eq 4 ]
    for file in model.json model/open_clip_config.json; do grep -q '"init_logit_bias": -10' runs/sigmoid/$file; done
    for name in logit_scale logit_bias; do
        coca-tap diff runs/sigmoid/{model/open_clip_model,checkpoints/step-4/loss}.safetensors --tensor $name
    done
    run tune sigmoid --resume latest --contrastive-loss softmax
    [ "$status" -eq 2 ]
    run "$TRAIN" --name next --runs runs --pretrained runs/sigmoid/model --images file:images.rec --tokens file:tokens.rec \
        --steps 1 --batch-size "$(batch_size "$MODEL_FOLDER")" --microbatch 2 --precision fp32 --threads 1,1
    [ "$status" -eq 0 ]
    [[ $output == *"sigmoid of each pair"* ]]
}
