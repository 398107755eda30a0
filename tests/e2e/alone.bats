#!/usr/bin/env bats
# One stage alone: fed from what a run recorded, from a pipe and by a replay; what comes out is what the run had.

load tiny.bash
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh

# Two steps that leave the weights as they began, every edge of them recorded by who receives on it.
setup_file() {
    local edge
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned set 7
    local records=(--record image-encode:embeddings-grad=image-grad --record text-decode:embeddings-grad=text-grad)
    for edge in images tokens features features-grad embeddings; do records+=(--record "$edge=$edge"); done
    "$TRAIN" --name run --runs runs --tokenizer "$TINY_VOCABULARY" --train-data set --batch-size 4 --microbatch 2 \
        --model model.json --seed 5 --steps 2 --lr 0 --wd 0 --precision fp32 --threads 1,1 \
        --dump dump --dump-step 1 "${records[@]}" 2>&1
}
setup() {
    cd "$BATS_FILE_TMPDIR" || return
    pids=()
    ALONE=(--model model.json --seed 5 --batch-size 4 --microbatch 2 --threads 1,1 --peer-timeout 20 --stall-timeout 20)
}
teardown() {
    ((${#pids[@]})) && kill -9 "${pids[@]}" 2>/dev/null
    rm -rf out ./*.out fifo
}

# from ROLE FILE: the embeddings of one encoder in a recording.
from() { coca-tap export "$2" --from "$1" --tensor embedding --out "$2.$1.out.safetensors"; }
same_embeddings() { # ROLE FILE FILE
    from "$1" "$2" && from "$1" "$3" && coca-tap diff "$2.$1.out.safetensors" "$3.$1.out.safetensors"
}

@test "watch shows every edge of a run" {
    [ "$(coca-tap watch images | wc -l)" -eq 4 ]
    coca-tap watch images | grep -q '^data (1, 1) from decode [0-9]*, samples 6 + 2, ids i64 .*, pixels u8 \[2,8,8,3\] min [0-9]'
    coca-tap watch tokens | grep -q '^data (1, 0) from tokenize 0, samples 4 + 2, .*tokens i32 \[2,8\] min 0 '
    coca-tap watch features | grep -q '^data (0, 1) from image-encode 0, samples 2 + 2, .*features f32 \[2,3,16\] '
    coca-tap watch features-grad | grep -q '^data (0, 0) from text-decode 0, .*d_features f32 \[2,3,16\] '
    [ "$(coca-tap watch embeddings | grep -c 'from \(image-encode\|text-decode\) 0, .*embedding f32 \[2,16\]')" -eq 8 ]
    [ "$(coca-tap watch image-grad | grep -c 'from loss 0, .*d_embedding f32 \[2,16\]')" -eq 4 ]
    [ "$(coca-tap watch text-grad | grep -c 'from loss 0, .*d_embedding f32 \[2,16\]')" -eq 4 ]
}

@test "decode and tokenize make on stdout what the run's workers made" {
    local data=(--train-data set --tokenizer "$TINY_VOCABULARY" --steps 2)
    coca-decode "${ALONE[@]}" "${data[@]}" --images - | coca-tap diff - images
    coca-tokenize "${ALONE[@]}" "${data[@]}" --tokens - | coca-tap diff - tokens
    coca-decode "${ALONE[@]}" "${data[@]}" --images - | coca-tap watch - | grep -c '^data (' | grep -qx 4
    coca-decode "${ALONE[@]}" "${data[@]}" --images - --first-step 1 | coca-tap watch - | head -n 1 |
        grep -q '^data (1, 0)'
}

@test "image-encode forward: from a file, a pipe, a FIFO and a replay" {
    coca-image-encode "${ALONE[@]}" --images file:images --features file:f.out --embeddings file:e.out
    coca-tap diff f.out features
    same_embeddings image-encode e.out embeddings
    cat images | coca-image-encode "${ALONE[@]}" --images - --features - | coca-tap diff - features
    mkfifo fifo
    cat images >fifo 3>&- &
    coca-image-encode "${ALONE[@]}" --images file:fifo --features - | coca-tap diff - features
    coca-tap replay --edge images images ipc://replayed 3>&- &
    pids+=($!)
    coca-image-encode "${ALONE[@]}" --steps 2 --images ipc://replayed --features file:r.out 3>&- &
    pids+=($!)
    all_left
    coca-tap diff r.out features
}

@test "image-encode backward: the gradients of the run" {
    local tensors=() name
    for name in visual.conv1.weight visual.proj visual.positional_embedding visual.attn_pool.query \
        visual.attn_pool_contrastive.attn.in_proj_weight visual.transformer.resblocks.0.attn.in_proj_bias; do
        tensors+=(--tensor $name)
    done
    coca-image-encode "${ALONE[@]}" --images file:images --features-grad file:features-grad \
        --embeddings-grad file:image-grad --features file:f.out --steps 2 --dump out --dump-step 1 2>words.out
    [ "$(grep -c 'step [01]: gradient norm [0-9]' words.out)" -eq 2 ]
    coca-tap diff "${tensors[@]}" out/image.grads.safetensors dump/grads.safetensors
    coca-tap diff --tensor features out/image.outputs.safetensors dump/outputs.safetensors
    rm -r out # from a pipe, and recomputing
    cat images | coca-image-encode "${ALONE[@]}" --images - --features-grad file:features-grad \
        --embeddings-grad file:image-grad --steps 2 --dump out --dump-step 1 --recompute microbatch
    coca-tap diff "${tensors[@]}" out/image.grads.safetensors dump/grads.safetensors
}

@test "image-encode asks workers: for steps, and for a pass over the data" {
    worker() { coca-decode "${ALONE[@]}" --images ipc://asked "$@" 3>&- & pids+=($!); }
    worker --train-data set
    coca-image-encode "${ALONE[@]}" --images ipc://asked --features-grad file:features-grad \
        --embeddings-grad file:image-grad --steps 2 --dump out --dump-step 1
    all_left
    coca-tap diff --tensor visual.proj out/image.grads.safetensors dump/grads.safetensors
    worker --data set
    coca-image-encode "${ALONE[@]}" --images ipc://asked --features file:f.out
    all_left
    coca-tap watch f.out | tail -n 1 | grep -q '^data (0, 3) from image-encode 0, samples 6 + 1, '
}

@test "text-decode forward: embeddings and the caption loss, from a file and a pipe" {
    coca-text-decode "${ALONE[@]}" --tokens file:tokens --embeddings file:e.out
    same_embeddings text-decode e.out embeddings
    cat tokens | coca-text-decode "${ALONE[@]}" --tokens - --embeddings - >p.out
    coca-tap diff p.out e.out
    coca-text-decode "${ALONE[@]}" --tokens file:tokens --features file:features 2>words.out
    cat words.out
    grep -qi 'caption loss' words.out
}

@test "text-decode backward: d_features and the gradients of the run" {
    local tensors=() name
    for name in text.cls_emb text.token_embedding.weight text.transformer.resblocks.0.mlp.c_fc.weight \
        text_decoder.cross_attn.0.attn.in_proj_weight text_decoder.text_projection; do
        tensors+=(--tensor $name)
    done
    coca-text-decode "${ALONE[@]}" --tokens file:tokens --features file:features --features-grad file:d.out \
        --embeddings-grad file:text-grad --steps 2 --dump out --dump-step 1
    coca-tap diff d.out features-grad
    coca-tap diff "${tensors[@]}" out/text.grads.safetensors dump/grads.safetensors
    cat features | coca-text-decode "${ALONE[@]}" --tokens file:tokens --features - --features-grad - \
        --embeddings-grad file:text-grad --steps 2 | coca-tap diff - features-grad
}

@test "text-decode writes captions for recorded features" {
    local words=("${ALONE[@]}" --tokenizer "$TINY_VOCABULARY" --generate)
    coca-text-decode "${words[@]}" --features file:features --captions file:c.out
    [ "$(coca-tap export c.out --text | wc -l)" -eq 8 ]
    cat features | coca-text-decode "${words[@]}" --features - --captions - | coca-tap diff - c.out
}

@test "loss alone: the contrastive loss of the run, from a file and a pipe" {
    local number='"contrastive_loss": [-.0-9e]*'
    coca-loss "${ALONE[@]}" --embeddings file:embeddings >l.out
    diff <(grep -o "$number" l.out) <(grep -o "$number" runs/run/metrics.jsonl)
    cat embeddings | coca-loss "${ALONE[@]}" --embeddings - --steps 2 | diff - l.out
    run coca-loss "${ALONE[@]}" --embeddings file:embeddings --steps 3
    [ "$status" -eq 3 ]
    [[ $output == *"embeddings ends at step 2"* ]]
    run coca-loss "${ALONE[@]}" --embeddings ipc://nobody
    [ "$status" -eq 2 ]
    [[ $output == *"--embeddings is a recording"* ]]
}

@test "a recording that ends too early, and binary output to a terminal" {
    run coca-image-encode "${ALONE[@]}" --images file:images --features file:f.out --steps 3
    [ "$status" -eq 3 ]
    [[ $output == *"ends at step 2"* ]]
    run script -qec "$COCA_BIN/coca-decode ${ALONE[*]} --train-data set --steps 1 --images -" /dev/null
    [ "$status" -eq 2 ]
    [[ $output == *terminal* ]]
}

@test "a running job is watched through a FIFO" {
    mkfifo fifo
    coca-tap watch fifo >seen.out 3>&- &
    pids+=($!)
    "$TRAIN" --name watched --runs runs --tokenizer "$TINY_VOCABULARY" --train-data set --batch-size 4 --microbatch 2 \
        --model model.json --seed 5 --steps 2 --lr 0 --wd 0 --threads 1,1 --record images=fifo 3>&-
    all_left
    diff <(sed 's/decode [0-9]*/decode/' seen.out) <(coca-tap watch images | sed 's/decode [0-9]*/decode/')
}
