#!/usr/bin/env bats
# pipelines/caption.sh and the lists that it shares with embed.sh: pictures in as they come, captions out in order.

load tiny.bash
bats_require_minimum_version 1.5.0
CAPTION=$BATS_TEST_DIRNAME/../../pipelines/caption.sh
EMBED=$BATS_TEST_DIRNAME/../../pipelines/embed.sh

setup_file() { tiny_trained; }
setup() {
    tiny_setup
    tiny_given
}
teardown() { tiny_teardown; }

captions() { "$CAPTION" "${given[@]}" "$@"; }

@test "caption: arguments and stdin, every size of batch, the same captions in the order of the pictures" {
    captions pictures/*.png >whole 2>words || { cat words; return 1; }
    [ "$(cut -f1 whole)" = "$(ls pictures/*.png)" ]
    ls pictures/*.png | captions --microbatch 2 >two
    cmp whole two
    ls pictures/*.png | captions --microbatch 4 --num-beams 1 --min-length 0 --max-wait 0 >four
    cmp whole four
    tac <(ls pictures/*.png) | captions | tac | cmp - whole
}

@test "caption: a pipe that stays open gets its captions" {
    mkfifo paths
    captions --microbatch 4 --max-wait 50 <paths >out 2>words 3>&- &
    pids+=($!)
    exec 5>paths
    echo pictures/03.png >&5
    until [ "$(wc -l <out)" -eq 1 ]; do kill -0 "${pids[0]}"; sleep 0.05; done
    printf 'pictures/0%d.png\n' 1 2 5 6 7 8 >&5
    until [ "$(wc -l <out)" -eq 7 ]; do kill -0 "${pids[0]}"; sleep 0.05; done
    echo pictures/04.png >&5
    exec 5>&-
    wait "${pids[0]}"
    pids=()
    [ "$(cut -f1 out | tr '\n' ' ')" = "$(printf 'pictures/0%d.png ' 3 1 2 5 6 7 8 4)" ]
    captions pictures/*.png | sort | grep -v '00.png' | cmp - <(sort out)
}

@test "caption: a bad picture has an empty caption, the others theirs, and the exit code is 3" {
    echo nonsense >pictures/05.png
    printf '%s\n' pictures/04.png '' pictures/05.png missing.png pictures/06.png >list
    run --separate-stderr captions --microbatch 2 <list
    [ "$status" -eq 3 ]
    [ "$(cut -f1 <<<"$output")" = "$(<list)" ]
    [ "$(grep -c $'\t$' <<<"$output")" -ge 3 ]
    [[ $stderr == *"pictures/05.png: "* && $stderr == *"missing.png: cannot be opened: No such file"* && $stderr == *"3 of 5 pictures"* ]]
}

# Names that lines cannot hold, in odd/; `name` has them in order.
odd_pictures() {
    mkdir odd
    name=($'odd/two\nlines.png' $'odd/tab\t\033[31m.png' $'odd/cr\r' 'odd/back\x41\n.png' ' blank' -x.png $'odd/caf\xe9.png')
    for i in "${!name[@]}"; do cp "pictures/0$i.png" "./${name[i]}"; done
    spelled='odd/two\x0alines.png odd/tab\x09\x1b[31m.png odd/cr\x0d odd/back\x5cx41\n.png  blank -x.png odd/caf\xe9.png '
}

@test "caption: any path is one picture, from arguments and from lists that end with NUL bytes" {
    odd_pictures
    captions pictures/0[0-6].png | cut -f2 >whole
    captions --microbatch 2 -- "${name[@]}" >arguments
    [ "$(cut -f1 arguments | tr '\n' ' ')" = "$spelled" ]
    cut -f2 arguments | cmp - whole
    printf '%s\0' "${name[@]}" | captions >understood
    cmp understood arguments
    head -n 3 arguments >part
    printf '%s\0' "${name[@]}" | captions -0 --resume part
    cmp part arguments
    printf '%s\0' "${name[@]:0:6}" | captions --null --format json --out list.json
    python3 -c 'import json, sys; print("\0".join(i["image_id"] for i in json.load(open("list.json"))), end="\0")' >ids
    cmp ids <(printf '%s\0' "${name[@]:0:6}")
}

@test "caption: lists of any system; a NUL byte among lines is refused, and says how" {
    printf '\xef\xbb\xbfpictures/00.png\r\npictures/01.png\r\n' | captions >marked
    captions pictures/0[01].png | cmp - marked
    run captions < <(printf 'pictures/00.png\n'; sleep 0.5; printf 'pictures/01.png\0pictures/02.png\0\n')
    [ "$status" -eq 3 ]
    [[ $output == *"line 2 of stdin holds a NUL byte: say --null"* ]]
}

@test "embed: one row for each text, whatever it holds" {
    texts=('a dog' $'two\nlines' $'a\fball' 'a cat')
    "$EMBED" "${given[@]}" --texts --out rows.npy --names names "${texts[@]}"
    [ "$(cat names)" = 'a dog
two\x0alines
a\x0cball
a cat' ]
    grep -aq "'shape': (4, 16)" rows.npy
    printf '%s\0' "${texts[@]}" | "$EMBED" "${given[@]}" --texts --null --out same.npy
    cmp rows.npy same.npy
    printf '\xef\xbb\xbfa dog\r\na cat' | "$EMBED" "${given[@]}" --texts --out two.npy
    cmp <(numbers two.npy) <(numbers rows.npy | sed -n '1,16p;49,64p')
}

@test "caption --resume: goes on behind a cut line, and refuses another list" {
    ls pictures/*.png >list
    captions <list >whole
    head -n 4 whole >part
    printf 'pictures/04.png\thalf a cap' >>part
    captions --microbatch 2 --resume part <list
    cmp part whole
    captions --resume part <list
    cmp part whole
    captions --resume new <list
    cmp new whole
    head -n 4 whole >part
    tac list >turned
    run captions --resume part <turned
    [ "$status" -eq 2 ]
    [[ $output == *"belongs to another list"* ]]
    [ "$(wc -l <part)" -eq 4 ]
}

@test "caption: SIGTERM leaves whole lines that --resume goes on from" {
    for i in {1..40}; do ls pictures/*.png; done >list
    captions <list >whole
    "$CAPTION" "${given[@]}" --microbatch 2 --resume part <list 2>/dev/null 3>&- &
    pids+=($!)
    until [[ -s part ]]; do sleep 0.01; done
    kill -TERM "${pids[0]}"
    wait "${pids[0]}" || code=$?
    pids=()
    [ "${code:-0}" -eq 143 ] || [ "$(wc -l <part)" -eq 360 ]
    cmp part <(head -n "$(wc -l <part)" whole)
    captions --resume part <list
    cmp part whole
}

@test "caption --sample: draws depend on seed, path and place alone: not on batches, order, workers or a resume" {
    local sampled=(--sample --temperature 2 --seed 5)
    captions "${sampled[@]}" --num-captions 3 pictures/*.png >whole
    [ "$(cut -f1 whole)" = "$(for p in pictures/*.png; do printf '%s\n' "$p"{,,}; done)" ]
    [ "$(cut -f2 whole | sort -u | wc -l)" -gt 20 ] # of 27
    captions "${sampled[@]}" pictures/*.png | cmp - <(sed -n '1~3p' whole)
    captions "${sampled[@]}" --seed 6 pictures/*.png | cut -f2 >other
    refute cmp -s other <(sed -n '1~3p' whole | cut -f2)
    ls pictures/*.png | sort -R | captions "${sampled[@]}" --num-captions 3 --microbatch 2 --workers 3 | sort -s -k1,1 | cmp - whole
    ls pictures/*.png | captions "${sampled[@]}" --num-captions 3 --microbatch 1 --max-wait 0 | cmp - whole
    for lines in 12 13 14 27; do
        head -n $lines whole >part
        printf 'pictures/04.png\thalf a cap' >>part
        ((lines < 27)) || head -n 27 whole >part
        ls pictures/*.png | captions "${sampled[@]}" --num-captions 3 --microbatch 4 --resume part
        cmp part whole
    done
    head -n 5 whole >part
    cp part kept
    ls pictures/*.png | (run captions "${sampled[@]}" --resume part; [ "$status" -eq 2 ] && [[ $output == *"--num-captions than 1"* ]])
    cmp part kept
}

@test "caption --num-captions: the best beams in order, entries of one image_id, and what is refused" {
    captions --num-beams 4 --max-length 6 pictures/*.png >best
    captions --num-beams 4 --max-length 6 --num-captions 3 pictures/*.png >three
    cmp best <(sed -n '1~3p' three)
    [ "$(sort -u three | wc -l)" -eq 27 ]
    captions --num-beams 4 --max-length 6 --num-captions 3 --format json pictures/*.png >three.json
    [ "$(jq -r '.[] | "\(.image_id)\t\(.caption)"' three.json)" = "$(<three)" ]
    run captions --num-captions 2 pictures/00.png
    [ "$status" -eq 2 ] && [[ $output == *"add --sample, or --num-beams 2"* ]]
    run captions --num-captions 3 --num-beams 2 pictures/00.png
    [ "$status" -eq 2 ] && [[ $output == *"raise --num-beams"* ]]
    run captions --num-captions 65 --sample pictures/00.png
    [ "$status" -eq 2 ]
    echo nonsense >pictures/05.png
    run --separate-stderr captions --sample --num-captions 2 pictures/0[4-6].png
    [ "$status" -eq 3 ] && [ "$(grep -c '^pictures/05.png.$' <<<"$output")" -eq 2 ]
    local eval=$BATS_TEST_DIRNAME/../../pipelines/eval.sh data=$BATS_FILE_TMPDIR/data.set
    "$eval" "${given[@]}" --caption "$data" --sample --num-captions 2 --out list >/dev/null
    [ "$(wc -l <list)" -eq 18 ]
    run "$eval" "${given[@]}" --caption "$data" --sample --num-captions 2 --metrics --out list
    [ "$status" -eq 2 ] && [[ $output == *"of one caption a picture"* ]]
}

# made_of OPTION ...: how many tokens the captions of features.rec have together.
made_of() {
    coca-text-decode --generate "${given[@]}" --features file:features.rec --captions file:captions.rec --microbatch 9 "$@" || return
    coca-tap export captions.rec --tensor tokens --out tokens.npy || return
    od -An -v -td4 -w4 -j128 tokens.npy | grep -vcw 0
}

@test "caption --stop-at: each ends behind its first TEXT, which stays, and so does its search" {
    local manner text
    for manner in '--sample --temperature 2' '--num-beams 3 --min-length 6'; do
        changed=''
        captions $manner pictures/*.png >whole
        for text in "$(sed -n 's/^[^\t]*\t..\(..\).*/\1/p' whole | head -n 1)" a ' ' zzz; do
            captions $manner --stop-at "$text" pictures/*.png >cut
            STOP=$text awk -F '\t' -v OFS='\t' '(at = index($2, ENVIRON["STOP"])) { $2 = substr($2, 1, at - 1 + length(ENVIRON["STOP"])) } 1' \
                whole | cmp - cut
            cmp -s whole cut || changed=yes
        done
        [ "$changed" ]
    done
    coca-decode --images file:images.rec --data "$BATS_FILE_TMPDIR/data.set" "${given[@]:0:2}" --microbatch 9
    coca-image-encode "${given[@]}" --images file:images.rec --features file:features.rec --microbatch 9
    (($(made_of --sample --temperature 2 --stop-at a) < $(made_of --sample --temperature 2)))
    run captions --stop-at '' pictures/00.png
    [ "$status" -eq 2 ]
    run captions --prompt 'a frog' --stop-at fro pictures/00.png
    [ "$status" -eq 2 ] && [[ $output == *"--prompt, which has it already"* ]]
}

@test "embeddings that travel: those of embed.sh, of pictures and of captions" {
    ls "$PWD"/pictures/*.png >list
    touch list.closed
    coca-decode --images file:images.rec --list list "${given[@]:0:2}" --microbatch 4
    coca-image-encode "${given[@]}" --images file:images.rec --features file:features.rec --with-embedding --microbatch 4
    coca-text-decode --generate "${given[@]}" --features file:features.rec --captions file:captions.rec --microbatch 4 \
        --sample --temperature 2 --num-captions 2 --caption-embeddings
    coca-tap export captions.rec --tensor embedding --out pictures.npy
    coca-tap export captions.rec --tensor text_embedding --out texts.npy
    grep -aq "'shape': (9, 16)" pictures.npy
    grep -aq "'shape': (18, 16)" texts.npy
    "$EMBED" "${given[@]}" --microbatch 4 --out expected.npy <list
    cmp <(numbers pictures.npy) <(numbers expected.npy)
    coca-score captions --captions file:captions.rec "${given[@]:0:2}" | cut -f2 >texts
    "$EMBED" "${given[@]}" --microbatch 4 --texts --out expected.npy <texts || [ "$?" -eq 3 ] # a text may be empty
    cmp <(numbers texts.npy) <(numbers expected.npy)
    run coca-image-encode "${given[@]}" --images file:images.rec --embeddings file:none.rec --with-embedding --microbatch 4
    [ "$status" -eq 2 ]
}

@test "caption: beams, groups, a prompt and their errors" {
    captions --num-beams 4 --num-beam-groups 2 --min-length 3 --max-length 8 pictures/0[0-3].png >beams
    [ "$(wc -l <beams)" -eq 4 ]
    captions --num-beams 4 --num-beam-groups 2 --min-length 3 --max-length 8 --diversity-penalty 0.5 pictures/0[0-3].png >apart
    [ "$(wc -l <apart)" -eq 4 ]
    captions --prompt frog pictures/0[0-3].png >prompted
    [ "$(cut -f2 prompted | grep -c '^frog')" -eq 4 ]
    run captions --num-beams 5 --num-beam-groups 2 pictures/00.png
    [ "$status" -eq 2 ]
    [[ $output == *"no multiple of --num-beam-groups"* ]]
    run captions --min-length 8 pictures/00.png
    [ "$status" -eq 2 ]
    run captions --num-beams 2 --sample pictures/00.png
    [ "$status" -eq 2 ]
}

@test "caption --weights int8: f32's captions but for near ties, on every level of x86-64, and nothing is trained in it" {
    captions pictures/*.png >whole
    captions --weights int8 pictures/*.png >bytes
    [ "$(cut -f1 bytes)" = "$(cut -f1 whole)" ]
    [ "$(diff whole bytes | grep -c '^<')" -le 1 ] # of 9
    for isa in v2 v3; do COCA_ISA=$isa captions --weights int8 pictures/*.png | cmp - bytes; done
    captions --weights int8 --num-beams 3 pictures/0[0-3].png >beams
    [ "$(wc -l <beams)" -eq 4 ]
    run captions --weights int4 pictures/00.png
    [ "$status" -eq 2 ] && [[ $output == *"--weights must be one of precision|int8"* ]]
    run "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name narrow --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data "$BATS_FILE_TMPDIR/data.set" --steps 1 --weights int8
    [ "$status" -eq 2 ] && [[ $output == *"--weights int8: nothing is trained in it"* ]]
    [ ! -e runs/narrow ]
}

@test "eval --weights int8: the perplexity of pairs within 1% of f32's, and their captions" {
    local eval=$BATS_TEST_DIRNAME/../../pipelines/eval.sh ppl=() weights
    for weights in precision int8; do
        "$eval" "${given[@]}" --losses "$BATS_FILE_TMPDIR/data.set" --weights "$weights" >line
        ppl+=("$(grep -o '"caption_perplexity": [0-9.]*' line | sed 's/.* //; q')")
    done
    [ "${ppl[0]}" != "${ppl[1]}" ]
    awk "BEGIN { exit !(${ppl[1]} / ${ppl[0]} < 1.01 && ${ppl[1]} / ${ppl[0]} > 0.99) }"
    "$eval" "${given[@]}" --caption "$BATS_FILE_TMPDIR/data.set" --weights int8 --max-length 4 >out
    [ "$(wc -l <out)" -eq 9 ]
    run "$eval" "${given[@]}" --losses "$BATS_FILE_TMPDIR/data.set" --num-beams 2
    [ "$status" -eq 2 ] && [[ $output == *"--num-beams=2 is for --caption"* ]]
}

@test "eval --metrics: captions are judged by the dataset's" {
    local eval=$BATS_TEST_DIRNAME/../../pipelines/eval.sh data=$BATS_FILE_TMPDIR/data.set
    coca-score meteor-data --from "$BATS_TEST_DIRNAME/../parity/captions/meteor/source" --to english.meteor
    "$eval" "${given[@]}" --caption "$data" --metrics --meteor-data english.meteor --num-beams 2 --results results.json \
        --dataset nine --out list >line
    [ "$(wc -l <list)" -eq 9 ]
    [ "$(wc -l <line)" -eq 2 ]
    grep -q '"dataset": "nine".*"METEOR": [0-9].*"CIDEr": .*"num-beams": 2' line
    grep -q '"dataset": "nine".*"CLIPScore": [0-9.]*, "RefCLIPScore": [0-9.]*}.*"num-beams": 2.*"embeddings": "/' line
    [ "$(grep -c '"num-beams": 2' results.json)" -eq 2 ]
    run "$eval" "${given[@]}" --losses "$data" --metrics
    [ "$status" -eq 2 ] && [[ $output == *"--metrics is for --caption"* ]]
    run "$eval" "${given[@]}" --losses "$data" --meteor-data english.meteor
    [ "$status" -eq 2 ] && [[ $output == *"--meteor-data is for --caption"* ]]
}

# rows FILE.npy: a matrix of f32, a row a line.
rows() {
    local width
    width=$(head -c 128 "$1" | tr -d '\0' | sed -n "s/.*'shape': ([0-9]*, \([0-9]*\)).*/\1/p")
    od -An -v -t f4 -w$((4 * width)) -j 128 "$1"
}

@test "eval --metrics: CLIPScore is of the cosines that the model's embeddings have" {
    local eval=$BATS_TEST_DIRNAME/../../pipelines/eval.sh data=$BATS_FILE_TMPDIR/data.set
    "$eval" "${given[@]}" --caption "$data" --metrics --max-length 6 --out list >line
    paste -d '\n' <(cut -f2 list) <(coca-pack list "$data" | sed 's/.*\t//; s/ | /\n/g' | awk '
        # Of picture i there are i mod 3 + 1.
        { printf "%s%s", sep, $0; sep = "\t" } ++n == i % 3 + 1 { print ""; i++; n = 0; sep = "" }') |
        tr '\t' '\n' | sed 's/^/A photo depicts /' >texts
    [ "$(wc -l <texts)" -eq 27 ]
    "$EMBED" "${given[@]}" --data "$data" --out pictures.npy
    "$EMBED" "${given[@]}" --texts --out texts.npy <texts
    expected=$(awk '
        function cosine(a, b, i, n, x, y, sum) {
            n = split(a, x, " ")
            split(b, y, " ")
            for (i = 1; i <= n; i++) sum += x[i] * y[i]
            return sum > 0 ? sum : 0
        }
        NR == FNR { picture[NR] = $0; next }
        { text[FNR] = $0 }
        END {
            for (p = t = 1; p in picture; t += 1 + references) {
                references = (p - 1) % 3 + 1
                score = 2.5 * cosine(text[t], picture[p++])
                best = 0
                for (r = 1; r <= references; r++)
                    if (cosine(text[t], text[t + r]) > best) best = cosine(text[t], text[t + r])
                first += score
                if (score + best > 0) second += 2 * score * best / (score + best)
            }
            printf "%.5f %.5f", first / (p - 1), second / (p - 1)
        }' <(rows pictures.npy) <(rows texts.npy))
    [ "${expected%% *}" != 0.00000 ]
    [ "$(sed -n 's/.*"CLIPScore": \([0-9.]*\), "RefCLIPScore": \([0-9.]*\)}.*/\1 \2/p' line |
        awk '{ printf "%.5f %.5f", $1, $2 }')" = "$expected" ]
}

@test "caption --precision bf16: products in f32 where the CPU has no others, and a remedy without AVX2" {
    grep -qw avx2 /proc/cpuinfo || skip "no AVX2"
    COCA_ISA=v3 captions --precision bf16 pictures/*.png >out 2>words
    [ "$(wc -l <out)" -eq 9 ]
    run env COCA_ISA=v2 "$CAPTION" "${given[@]}" --precision bf16 pictures/00.png
    [ "$status" -eq 2 ] && [[ $output == *"has no AVX2"*"use --precision fp32"* ]]
}

# by_hand NAME OPTION ...: captions of recorded pictures through both stages; NAME.rec, and NAME.counters of the decoder.
by_hand() {
    local name=$1
    shift
    coca-image-encode "${given[@]}" --batch-size 3 --images file:images.rec --features ipc://features "$@" 3>&- &
    pids+=($!)
    coca-text-decode --generate "${given[@]}" --batch-size 3 --features ipc://features --captions "file:$name.rec" \
        --counters "$name.counters" "$@" || return
    wait "${pids[-1]}" || return
    coca-tap export "$name.rec" --tensor tokens --out "$name.npy"
}

@test "served features in shared memory and in messages: the same captions" {
    coca-decode --images file:images.rec --train-data "$BATS_FILE_TMPDIR/data.set" --batch-size 24 --microbatch 3 \
        --steps 1 --model "$BATS_FILE_TMPDIR/model.json"
    by_hand shared
    by_hand frames --transport frames
    by_hand recorded --record features=features.rec
    cmp shared.npy frames.npy
    cmp shared.npy recorded.npy
    coca-tap export features.rec --tensor features --out features.npy
    (($(cut -f 9 frames.counters) > $(cut -f 9 shared.counters)))
}
