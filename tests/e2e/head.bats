#!/usr/bin/env bats
# Heads: a task is trained through the real processes, resumed to the same bits, exported and measured.

load tiny.bash
TUNE=$BATS_TEST_DIRNAME/../../pipelines/tune.sh
EVAL=$BATS_TEST_DIRNAME/../../pipelines/eval.sh

setup_file() {
    tiny_trained
    tiny_labelled classes.set 24
    tiny_questions questions.set 12
}
setup() {
    cd "$(mktemp -d)"
    given=(--runs runs --pretrained "$BATS_FILE_TMPDIR/runs/made/model" --precision fp32 --threads 1,1 --seed 5 --lr 1e-2 --batch-size 12 --microbatch 4)
    classes=(--train-data "$BATS_FILE_TMPDIR/classes.set" --head-labels "$BATS_FILE_TMPDIR/classes.txt")
    questions=(--train-data "$BATS_FILE_TMPDIR/questions.set" --head-labels "$BATS_FILE_TMPDIR/answers.txt")
}
teardown() { rm -rf "$PWD"; }

tune() { "$TUNE" --name "$1" "${given[@]}" "${@:2}"; }
weights() { echo "runs/$1/model/open_clip_model.safetensors"; }
same() { coca-tap diff "$(weights "$1")" "$BATS_FILE_TMPDIR/runs/made/model/open_clip_model.safetensors" --tensor "$2"; }

@test "a frozen model's head learns classes, and nothing else changes" {
    tune frozen --task recognition --frozen "${classes[@]}" --steps 300 --lr 3e-2
    same frozen visual.conv1.weight
    same frozen visual.ln_post.weight
    same frozen visual.attn_pool.query
    same frozen text_decoder.text_projection
    [ "$(wc -l <runs/frozen/metrics.jsonl)" -eq 300 ]
    "$EVAL" --run runs/frozen --task "$BATS_FILE_TMPDIR/classes.set" --predictions said.tsv >result.json
    [ "$(jq '.metrics.acc1 > 0.7' result.json)" = true ]
    [ "$(wc -l <said.tsv)" -eq 24 ]
    "$EVAL" --run runs/frozen --task "$BATS_FILE_TMPDIR/classes.set" --predictions said-by-two.tsv --replicas 2 >by-two.json
    cmp said.tsv said-by-two.tsv
    cmp result.json by-two.json
    cmp runs/frozen/model/labels.txt "$BATS_FILE_TMPDIR/classes.txt"
}

@test "an encoder that learns with the head: what it does not compute with stays, recomputing and resuming change no bit" {
    tune whole --task recognition "${classes[@]}" --steps 6 --encoder-lr 1e-3 --wd 0.1
    same whole visual.attn_pool.query
    same whole visual.proj
    refute same whole visual.conv1.weight
    tune again --task recognition "${classes[@]}" --steps 6 --encoder-lr 1e-3 --wd 0.1 --recompute microbatch
    cmp "$(weights whole)" "$(weights again)"
    tune halves --task recognition "${classes[@]}" --steps 3 --encoder-lr 1e-3 --wd 0.1 --lr-scheduler const
    tune halves --steps 6 --resume latest
    tune through --task recognition "${classes[@]}" --steps 6 --encoder-lr 1e-3 --wd 0.1 --lr-scheduler const
    cmp "$(weights halves)" "$(weights through)"
    tune frames --task recognition "${classes[@]}" --steps 6 --encoder-lr 1e-3 --wd 0.1 --transport frames
    cmp "$(weights whole)" "$(weights frames)"
}

@test "ranks of an encoder and of its head have the bits of one" {
    [[ -e $COCA_BIN/../lib/coca_openmpi.so ]] && command -v mpirun || skip "there is no Open MPI"
    local task=(--task recognition "${classes[@]}" --batch-size 8 --microbatch 2 --steps 6 --encoder-lr 1e-3 --wd 0.1)
    tune one "${task[@]}"
    tune many "${task[@]}" --replicas 2,1,4
    cmp "$(weights one)" "$(weights many)"
    task=(--task vqa --co-caption "${questions[@]}" --batch-size 8 --microbatch 2 --steps 6 --encoder-lr 1e-3)
    tune asked "${task[@]}"
    tune asked-many "${task[@]}" --replicas 1,2,2
    cmp "$(weights asked)" "$(weights asked-many)"
}

@test "a rate of 0 for the encoder is a frozen encoder" {
    tune still --task recognition "${classes[@]}" --steps 4 --encoder-lr 0
    same still visual.conv1.weight
    tune frozen --task recognition "${classes[@]}" --steps 4 --frozen
    coca-tap diff "$(weights still)" "$(weights frozen)" --tensor head.fc.weight
}

@test "questions: answers are learned with shares, with the caption loss beside them or not" {
    tune vqa --task vqa --co-caption "${questions[@]}" --steps 40
    [ "$(tail -n 1 runs/vqa/metrics.jsonl | jq '.caption_loss > 0 and .head_loss > 0')" = true ]
    tune recomputed --task vqa --co-caption "${questions[@]}" --steps 40 --recompute microbatch
    cmp "$(weights vqa)" "$(weights recomputed)"
    same vqa text.text_projection
    refute same vqa text_decoder.text_projection
    "$EVAL" --run runs/vqa --task "$BATS_FILE_TMPDIR/questions.set" --predictions said.json >result.json
    [ "$(jq '.metrics.vqa_accuracy > 60' result.json)" = true ]
    [ "$(jq -c '[.[0].question_id, length]' said.json)" = '[100,12]' ]
    "$EVAL" --run runs/vqa --task "$BATS_FILE_TMPDIR/questions.set" --predictions said-by-two.json --replicas 2 --microbatch 2 >by-two.json
    cmp said.json said-by-two.json
    tune alone --task vqa "${questions[@]}" --steps 2
    same alone text_decoder.text_projection
    refute same alone text_decoder.ln_final.weight
}

@test "several pictures of a sample have the mean of their embeddings, brought to length 1" {
    rm -rf "$BATS_FILE_TMPDIR/tiny-pictures.set"
    tiny_pictures two 2
    echo '[{"images": ["00.png", "01.png"], "sentence": "one", "label": "True", "identifier": "a"}]' >pair.json
    coca-pack pack --from lavis pair.json --images-root two --to pair.set
    embed=("$BATS_TEST_DIRNAME/../../pipelines/embed.sh" --pretrained "$BATS_FILE_TMPDIR/runs/made/model" --threads 1)
    "${embed[@]}" --out each.npy two/00.png two/01.png
    "${embed[@]}" --out both.npy --data pair.set --frames 2
    paste -d ' ' <(numbers each.npy | head -n 16) <(numbers each.npy | tail -n 16) <(numbers both.npy) |
        awk '{ sum[NR] = $1 + $2; got[NR] = $3; squares += sum[NR] ^ 2 }
            END { for (i in sum) { d = sum[i] / sqrt(squares) - got[i]; if (d > 1e-6 || d < -1e-6) exit 1 } exit NR != 16 }'
}

@test "another task's head begins anew, and a run without one leaves it behind" {
    tune first --task recognition --frozen "${classes[@]}" --steps 2
    given[3]=$PWD/runs/first/model
    "$TUNE" --name second "${given[@]}" --task recognition --frozen --head-queries 2 "${classes[@]}" --steps 2
    grep -q 'begins anew' runs/second/log/head.log
    tune third --task recognition --frozen "${classes[@]}" --steps 2
    refute grep -q 'begins anew' runs/third/log/head.log
}

@test "what cannot be is refused by name" {
    run tune none --task recognition --train-data "$BATS_FILE_TMPDIR/data.set" --steps 2
    [ "$status" -eq 2 ]
    [[ $output == *--head-labels* ]]
    run "$EVAL" --pretrained "$BATS_FILE_TMPDIR/runs/made/model" --task "$BATS_FILE_TMPDIR/classes.set"
    [ "$status" -eq 2 ]
    [[ $output == *'no head'* ]]
    printf 'one\n' >one.txt
    run tune none --task recognition "${classes[@]:0:2}" --head-labels one.txt --steps 2
    [ "$status" -eq 3 ]
    [[ $output == *'two labels'* ]]
    printf '{"label-smoothing": 2}' >settings.json
    run tune none --task recognition "${classes[@]}" --steps 2 --settings settings.json
    [ "$status" -eq 3 ]
    [[ $output == *label-smoothing* ]]
}

@test "beside a head that reads image tokens there is nothing to caption or to contrast" {
    for loss in caption contrastive; do
        run tune none --task recognition "${classes[@]}" --steps 2 --coca-$loss-loss-weight 1
        [ "$status" -eq 2 ]
        [[ $output == *'takes the place of the poolers'* ]]
    done
    coca-decode --model "$BATS_FILE_TMPDIR/model.json" --data "$BATS_FILE_TMPDIR/classes.set" --images file:images.rec --microbatch 4
    for edge in features embeddings; do
        run coca-image-encode --model "$BATS_FILE_TMPDIR/model.json" --task recognition --images file:images.rec --microbatch 4 --$edge file:out.rec
        [ "$status" -eq 2 ]
        [[ $output == *'leaves the poolers out'* ]]
    done
}

@test "checkpoints are measured by the task while it is trained" {
    tune measured --task recognition --frozen "${classes[@]}" --steps 8 --save-frequency 4 --val-data "$BATS_FILE_TMPDIR/classes.set" --val-frequency 4
    [ "$(jq '[.[] | select(.task == "recognition" and .step == 8)] | length' runs/measured/results.json)" = 1 ]
}

@test "settings come from a file, and what is typed goes first" {
    printf '{"label-smoothing": 0.25, "frozen": true, "steps": 3, "lr": 0.5}' >settings.json
    "$TUNE" --name set "${given[@]}" --task recognition "${classes[@]}" --settings settings.json
    [ "$(jq -c '.options | [."label-smoothing", .frozen, .steps, .lr]' runs/set/run.json)" = '[0.25,true,3,0.01]' ]
}
