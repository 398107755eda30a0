#!/usr/bin/env bats
# The paper's table: that it is whole, and that a cell runs from data as it is published.

load tiny.bash
bats_require_minimum_version 1.5.0
PAPER=$BATS_TEST_DIRNAME/../../pipelines/paper.sh
TASKS=$BATS_TEST_DIRNAME/../../data/tasks

setup_file() { tiny_trained; }
setup() {
    tiny_setup
    given=(--pretrained "$BATS_FILE_TMPDIR/runs/made/model" --precision fp32 --threads 1 --microbatch 3)
}
teardown() { tiny_teardown; }

# names TABLE: its first column.
names() { grep -v '^#' "$TASKS/$1.tsv" | cut -f1 | sort -u; }

@test "paper: every cell has commands, every data set that they name a row, and the other way round" {
    names paper >cells
    names paper-commands | diff cells -
    grep -o 'PACKED/[a-z0-9-]*' "$TASKS/paper-commands.tsv" | sed 's|.*/||' | sort -u >used
    names paper-data | diff used -
    [ "$(awk -F'\t' '!/^#/ && NF != 7' "$TASKS/paper.tsv" | wc -l)" -eq 0 ]
    [ "$(awk -F'\t' '!/^#/ && NF != 5' "$TASKS/paper-data.tsv" | wc -l)" -eq 0 ]
    [ "$(awk -F'\t' '!/^#/ && NF != 2' "$TASKS/paper-commands.tsv" | wc -l)" -eq 0 ]
}

@test "paper: settings are all used, and their keys and values are options of a run" {
    (cd "$TASKS" && ls -- *.json) >there
    grep -o '[a-z0-9-]*\.json "\$@"\|[a-z0-9-]*\.json --' "$TASKS/paper-commands.tsv" | cut -d' ' -f1 | sort -u | diff there -
    local file
    while read -r file; do
        jq -r 'to_entries[] | if .value == true then "--\(.key)" else "--\(.key)=\(.value)" end' "$TASKS/$file" >options
        mapfile -t options <options
        run --separate-stderr coca-loss --prepare "${options[@]}" --name none --runs "$PWD" --model "$PWD/none.json"
        [ "$status" -eq 2 ]
        [[ $stderr == *"none.json: no such file"* ]] # all before it was taken
    done <there
}

@test "paper: --list shows numbers, needs and commands of every cell; CELL those of one" {
    "$PAPER" --list >list
    [ "$(grep -c '^[a-z]' list)" -eq "$(names paper | wc -l)" ]
    grep -q 'ImageNet *acc1 *Base 82.6 *Large 84.8 *CoCa 86.3' list
    "$PAPER" coco-caption >cell
    grep -q 'Karpathy.* CIDEr .*CoCa 143.6' cell
    grep -q 'needs coco-train: $DATA/coco: ' cell
    grep -q 'coca-pack pack .* --to "$PACKED/coco-test"' cell
    grep -q 'train.sh .*--settings data/tasks/coco-caption.json' cell
}

@test "paper: a cell is made from the published files, which are packed once" {
    command -v jq >/dev/null || skip "jq is not installed"
    local published=$PWD/my\ data/flickr30k i
    mkdir -p "$published"
    tiny_pictures "$published/images" 4
    for i in 0 1 2 3; do
        jq -n --arg i "$i" '{filename: "0\($i).png", split: (if $i == "3" then "train" else "test" end),
            sentences: [{raw: "frog \($i)"}, {raw: "bag \($i)"}]}'
    done | jq -s '{images: .}' >"$published/dataset_flickr30k.json"
    run --separate-stderr "$PAPER" flickr30k-retrieval --data "my data" "${given[@]}"
    [ "$status" -eq 0 ]
    [[ $output == *'"image_retrieval_recall@10": 1.0'* ]]
    [[ $stderr == *"CoCa 92.5"*"+ pipelines/eval.sh"* ]]
    [ "$(jq .records "my data/cocaflow/flickr30k-test/dataset.json")" -eq 3 ]
    rm -r "$published"
    "$PAPER" flickr30k-retrieval --data "my data" "${given[@]}" >again
    grep -q recall again
}

@test "paper: what is missing or misspelt is said" {
    run "$PAPER" imagenet-frosen
    [ "$status" -eq 2 ]
    [[ $output == *"no such cell; there are imagenet-frozen "* ]]
    mkdir data
    run "$PAPER" nlvr2 --data data
    [ "$status" -eq 2 ]
    run "$PAPER" nlvr2 --data nowhere "${given[@]}"
    [ "$status" -eq 2 ]
    run "$PAPER" coco-retrieval --data data "${given[@]}"
    [ "$status" -ne 0 ]
    [[ $output == *"coco-retrieval: this command failed with "*dataset_coco.json* ]]
}

# questions SET COUNT: a set of COCO's name as VQA publishes it, with so many questions of one picture, each second one
# answered alike.
questions() {
    jq -n --arg set "$1" --argjson count "$2" '{data_subtype: $set,
        questions: [range($count) | {image_id: 9, question: "A frog?", question_id: .}]}' >"$vqa/v2_OpenEnded_mscoco_$1_questions.json"
    jq -n --argjson count "$2" '{annotations: [range($count) | {question_id: ., image_id: 9, question_type: "is", answer_type: "other",
        multiple_choice_answer: ["frog", "bag"][. % 2], answers: [["frog", "bag"][. % 2] as $a | range(10) | {answer: $a}]}]}' >"$vqa/v2_mscoco_$1_annotations.json"
    mkdir -p "data/coco/$1"
    cp pictures/00.png "data/coco/$1/COCO_$1_000000000009.jpg"
}

@test "paper: VQA is trained with the answers of training and validation together" {
    command -v jq >/dev/null || skip "jq is not installed"
    local vqa=data/vqa
    mkdir -p "$vqa"
    tiny_pictures pictures 1
    questions train2014 10
    questions val2014 8
    questions test2015 2
    run "$PAPER" vqa --data data --runs runs "${given[@]}" --microbatch 2 --steps 1 --batch-size 4
    [ "$status" -eq 0 ]
    printf '%s\n' bag frog | cmp - runs/paper-vqa.answers.txt # those of nine questions of both, and of no nine of either
    printf '%s\n' bag frog | cmp - runs/paper-vqa/model/labels.txt
    jq -e 'length == 2 and all(.answer == "bag" or .answer == "frog")' runs/paper-vqa/vqa-test.json
}
