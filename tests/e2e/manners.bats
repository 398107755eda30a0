#!/usr/bin/env bats
# What every script does alike: options, paths, where it is called from and by which name, the locale, its words on failure.

load tiny.bash
bats_require_minimum_version 1.5.0
HOME_OF_SCRIPTS=$BATS_TEST_DIRNAME/../..

# A copy of the scripts, whose runs/ is beside them as in a checkout: house/runs/made has 4 steps.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned data.set 9
    mkdir house elsewhere
    cp -r "$HOME_OF_SCRIPTS/pipelines" "$HOME_OF_SCRIPTS/run.sh" house/
    (cd elsewhere && ../house/pipelines/train.sh --name made --model ../model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data=../data.set --batch-size 6 --microbatch 3 --steps 4 --lr 1e-2 --precision fp32 --threads=1,1 --seed 3) 3>&-
}
setup() {
    tiny_setup
    export COCA_BIN
    P=$BATS_FILE_TMPDIR/house/pipelines
    cp -r "$BATS_FILE_TMPDIR"/{captioned,data.set,model.json} .
    cp "$TINY_VOCABULARY" tiny.model
    given=(--run made --precision fp32 --threads 1)
}
teardown() { tiny_teardown; }

@test "a run is found by its name from wherever it was made; --runs says another place" {
    [ -e "$BATS_FILE_TMPDIR/house/runs/made/run.json" ]
    [ ! -e "$BATS_FILE_TMPDIR/elsewhere/runs" ]
    "$P/caption.sh" "${given[@]}" captioned/00.png >here
    (cd / && "$P/caption.sh" "${given[@]}" "$OLDPWD/captioned/00.png" | cut -f2) >there
    cmp <(cut -f2 here) there
    cp -r "$BATS_FILE_TMPDIR/house/runs" others
    "$P/caption.sh" "${given[@]}" --runs others captioned/00.png | cmp - here
    "$P/caption.sh" --run others/made --precision fp32 --threads 1 captioned/00.png | cmp - here
    run "$P/caption.sh" --run none captioned/00.png
    [ "$status" -eq 2 ]
    [[ $output == *"no run there; runs are folders of $BATS_FILE_TMPDIR/house/runs"* ]]
}

@test "a run without a finished model is taken at its newest checkpoint" {
    cp -r "$BATS_FILE_TMPDIR/house/runs" .
    "$P/caption.sh" "${given[@]}" captioned/00.png >finished
    rm -r runs/made/model
    mkdir runs/made/checkpoints/step-3 # older, though its name sorts behind
    mv runs/made/checkpoints/step-4 runs/made/checkpoints/step-10
    sed -i 's/"step": 4/"step": 10/' runs/made/checkpoints/step-10/manifest.json
    "$P/caption.sh" "${given[@]}" --runs runs captioned/00.png | cmp - finished
}

@test "--name=value is --name value in every script" {
    "$P/caption.sh" "${given[@]}" captioned/0*.png >whole
    "$P/caption.sh" --run=made --precision=fp32 --threads=1 --out=captions.tsv --format=tsv --max-wait=0 --workers=1 --microbatch=2 \
        --tokenizer=tiny.model --num-beams=1 captioned/0*.png
    cmp captions.tsv whole
    "$P/caption.sh" "${given[@]}" --tokenizer tiny.model --resume=resumed.tsv captioned/0*.png
    cmp resumed.tsv whole
    "$P/embed.sh" "${given[@]}" --out rows.npy --names names captioned/0*.png
    "$P/embed.sh" --run=made --precision=fp32 --threads=1 --out=same.npy --names=same captioned/0*.png
    cmp rows.npy same.npy
    cmp names same
    "$P/embed.sh" "${given[@]}" --out data.npy --data=data.set
    cmp <(numbers rows.npy) <(numbers data.npy)
    "$P/eval.sh" "${given[@]}" --losses data.set --results=results.json --step=7 --dataset=nine >line
    grep '"dataset": "nine"' line
    grep '"step": 7' results.json
}

@test "every path is seen from where the command is given" {
    mkdir below
    cd below
    "$P/eval.sh" "${given[@]}" --caption ../data.set --out captions.tsv --html page.html --pairs 2
    [ "$(wc -l <captions.tsv)" -eq 9 ]
    [ -s page.html ]
    "$P/eval.sh" "${given[@]}" --retrieval ../data.set --results results.json
    [ -s results.json ]
    printf 'frog\nbag\nboot\n' >classes
    printf 'a {}\n' >templates
    (cd .. && tiny_labelled labelled.set 6)
    "$P/eval.sh" "${given[@]}" --zero-shot ../labelled.set --classnames=classes --templates templates
    "$P/caption.sh" --pretrained ../runs --out x.tsv ../captioned/00.png && false
    cp -r "$BATS_FILE_TMPDIR/house/runs/made/model" model
    "$P/caption.sh" --pretrained=model --model ../model.json --tokenizer ../tiny.model --out caption.tsv ../captioned/00.png
    grep -q '^../captioned/00.png' caption.tsv
    "$P/train.sh" --name relative --runs . --model ../model.json --tokenizer ../tiny.model --train-data ../data.set --batch-size 4 \
        --microbatch 2 --steps 1 --precision fp32 --threads 1,1 --record images=images.rec --dump dump
    [ -s images.rec ]
    [ -s dump/losses.json ]
    [ -d relative/model ]
}

@test "an option that takes a path is told that it lacks it; what is no option is refused" {
    run "$P/embed.sh" "${given[@]}" --out
    [ "$status" -eq 2 ]
    [[ $output == *"--out needs a value"* ]]
    run "$P/embed.sh" "${given[@]}" --names --out x captioned/00.png
    [ "$status" -eq 2 ]
    [[ $output == *"--names needs a value"* ]]
    run "$P/caption.sh" --run --out x captioned/00.png
    [ "$status" -eq 2 ]
    [[ $output == *"--run needs a value"* ]]
    run "$P/caption.sh" "${given[@]}" --no-such-option 3 captioned/00.png
    [ "$status" -eq 2 ]
    [[ $output == *"--no-such-option"* ]]
    run "$P/eval.sh" "${given[@]}" --losses data.set stray
    [ "$status" -eq 2 ]
    [[ $output == *"unexpected argument 'stray'"* ]]
    run "$P/train.sh" --name stray --runs . stray
    [ "$status" -eq 2 ]
}

@test "flags stand before pictures, and -- before those whose names begin with dashes" {
    cp captioned/00.png ./--odd.png
    "$P/caption.sh" "${given[@]}" --sample captioned/00.png >sampled
    [ "$(cut -f1 sampled)" = captioned/00.png ]
    "$P/caption.sh" "${given[@]}" -- --odd.png >odd
    [ "$(cut -f1 odd)" = --odd.png ]
}

@test "scripts are called through links, and with CDPATH exported" {
    mkdir links
    ln -s "$P/caption.sh" links/caption
    ln -s "$P" links/scripts
    "$P/caption.sh" "${given[@]}" captioned/00.png >direct
    links/caption "${given[@]}" captioned/00.png | cmp - direct
    (cd links && scripts/caption.sh "${given[@]}" ../captioned/00.png) | cut -f2 | cmp - <(cut -f2 direct)
    PATH=$PWD/links:$PATH
    caption "${given[@]}" captioned/00.png | cmp - direct
    mkdir -p decoy/pipelines decoy/house/pipelines
    (export CDPATH=$PWD/decoy && cd "$BATS_FILE_TMPDIR/house" >/dev/null && pipelines/caption.sh "${given[@]}" "$OLDPWD/captioned/00.png") |
        cut -f2 | cmp - <(cut -f2 direct)
}

@test "the same in a locale with a decimal comma" {
    LOCPATH=$PWD localedef -i de_DE -f UTF-8 ./de_DE.UTF-8 2>/dev/null || [ -d de_DE.UTF-8 ] || skip "no definition of de_DE here"
    export LOCPATH=$PWD
    local train=("$P/train.sh" --model model.json --tokenizer tiny.model --train-data data.set --batch-size 4 --microbatch 2 --steps 3
        --lr 1e-2 --precision fp32 --threads 1,1 --runs .)
    LC_ALL=C "${train[@]}" --name plain
    LC_ALL=de_DE.UTF-8 "${train[@]}" --name comma 2>words
    cmp plain/model/open_clip_model.safetensors comma/model/open_clip_model.safetensors
    [ "$(grep -c '^\(loss\|image-encode\|text-decode\|decode.0\|decode.1\|tokenize.0\) .*[0-9]\.[0-9]%' words)" -eq 6 ]
}

# unwritable COMMAND ...: it says at once that the file in its last word cannot be written, and leaves with 1.
unwritable() {
    local file=${*: -1}
    run "$@" </dev/null
    [ "$status" -eq 1 ] || { echo "$status: $output"; return 1; }
    [[ $output == *"${file#*=}: cannot be written"* ]] || { echo "$output"; return 1; }
}

@test "an output that cannot be written is said before the work" {
    mkdir folder
    touch file
    for place in missing/out file/out folder; do
        unwritable "$P/caption.sh" "${given[@]}" --out $place
        unwritable "$P/eval.sh" "${given[@]}" --caption data.set --html $place
        unwritable "$P/eval.sh" "${given[@]}" --retrieval data.set --results $place
        unwritable "$P/embed.sh" "${given[@]}" --out rows.npy --names $place
        unwritable "$P/caption.sh" "${given[@]}" --record "images=$place"
    done
    unwritable "$P/embed.sh" "${given[@]}" --out missing/rows.npy
    unwritable "$P/caption.sh" "${given[@]}" --resume missing/list.tsv
    unwritable coca-tap export none.rec --out missing/rows.npy
    unwritable coca-tap import none.safetensors --out missing/a.rec
    unwritable coca-pack export data.set --tar missing/a.tar
    unwritable coca-pack extract data.set 0 --to missing/a.png
    [ -z "$(ls folder)$(cat file)" ]
}

@test "outputs that are no files, or links to them, are written as what they are" {
    "$P/caption.sh" "${given[@]}" captioned/00.png >right
    "$P/caption.sh" "${given[@]}" --out /dev/stdout captioned/00.png | cmp - right
    mkdir there
    touch there/list
    ln -s there/list link
    "$P/caption.sh" "${given[@]}" --out link captioned/00.png
    cmp there/list right
    [ -L link ]
    mkfifo fifo
    cat fifo >read 3>&- &
    pids+=($!)
    "$P/caption.sh" "${given[@]}" --out fifo captioned/00.png
    wait "${pids[0]}"
    pids=()
    cmp read right
    run "$P/caption.sh" "${given[@]}" --out /dev/full captioned/00.png
    [ "$status" -eq 1 ]
    [ -c /dev/full ]
}

@test "a log that is named is there, and one that never was is not named" {
    cp -r "$BATS_FILE_TMPDIR/house/runs/made/model" cut
    truncate -s -3000 cut/open_clip_model.safetensors
    run "$P/caption.sh" --pretrained cut --precision fp32 --threads 1 captioned/00.png
    [ "$status" -eq 3 ]
    log=$(grep -o '/[^ ]*/log/[^ ]*' <<<"$output" | tail -n 1)
    grep 'cut short' "$log"
    rm -r cocaflow.*
    echo nonsense >captioned/00.png
    run "$P/caption.sh" "${given[@]}" captioned/00.png # the sink's own failure
    [ "$status" -eq 3 ]
    [[ $output == *"score left with 3"* ]]
    [[ $output != */log/* ]]
    [ -z "$(ls -d cocaflow.* 2>/dev/null)" ]
}

@test "--help of each script is its head" {
    for script in train caption embed eval serve; do
        "$P/$script.sh" --help >help
        grep "$script" help
    done
    ! grep '^#' help
}
