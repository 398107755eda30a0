#!/usr/bin/env bats
# coca-score: the sinks of evaluations.

load tiny

setup() { tiny_setup; }
teardown() { tiny_teardown; }

# classes DIR: class names and templates beside a dataset of tiny_labelled.
classes() {
    cp classes.txt "$1/classnames.txt"
    printf 'a {}\nthe {c} jumps\n' >"$1/zeroshot_classification_templates.txt"
}

# The recall that a measure should have, from embeddings and ids in files, by the definition.
#   recall K QUERIES OTHERS: shares of QUERIES with an own one among the K most similar OTHERS
recall() {
    awk -v k="$1" '
        function load_file(side, name,    line, i) {
            while ((getline line <(name ".ids")) > 0) id[side, count[side]++] = line
            for (i = 0; (getline line <(name ".numbers")) > 0; i++) value[side, i] = line + 0
        }
        function similarity(q, o,    sum, e) {
            for (e = 0; e < 16; e++) sum += value["q", q * 16 + e] * value["o", o * 16 + e]
            return sum
        }
        BEGIN {
            load_file("q", ARGV[1])
            load_file("o", ARGV[2])
            for (q = 0; q < count["q"]; q++) {
                best = -9
                for (o = 0; o < count["o"]; o++) {
                    s[o] = similarity(q, o)
                    if (id["o", o] == id["q", q] && s[o] > best) best = s[o]
                }
                rank = 1
                for (o = 0; o < count["o"]; o++) rank += id["o", o] != id["q", q] && s[o] >= best
                found += rank <= k
            }
            printf "%.6f", found / count["q"]
        }' "$2" "$3"
}

# shares FILE NAME: the number NAME of a result line.
shares() { sed "s/\"chance\".*//; s/.*\"$2\": \([0-9.e-]*\).*/\1/" "$1" | xargs printf '%.6f'; }

@test "score zero-shot: prompts, classes and pictures come together in one result" {
    tiny_labelled set 7
    classes set
    coca-score prompts --data set >prompts
    [ "$(sed -n 1p prompts)" = "a ankle boot" ]
    [ "$(sed -n 4p prompts)" = "the red bag jumps" ]
    [ "$(wc -l <prompts)" -eq 6 ]
    touch prompts.closed
    serve_texts --list prompts
    serve_images --data set
    score zero-shot --data set --results results.json --step 40 >line
    all_left
    grep -q '"dataset": "set", "model": "model", .*"task": "zeroshot_classification"' line
    grep -q '"chance": {"acc1": 0.333333333333333' line
    grep -q '"step": 40' results.json
    # By the definition: the class with the most similar mean of normalised prompts.
    serve_texts --list prompts
    score embed --role text-decode --out texts.npy
    all_left
    serve_images --data set
    score embed --out images.npy
    all_left
    right=$(paste -d' ' <(numbers texts.npy) /dev/null | awk -v images="$(numbers images.npy | tr '\n' ' ')" '
        { prompt[NR - 1] = $1 }
        END {
            split(images, image, " ")
            for (c = 0; c < 3; c++) {
                norm = 0
                for (e = 0; e < 16; e++) {
                    mean[c, e] = prompt[c * 32 + e] + prompt[c * 32 + 16 + e]
                    norm += mean[c, e] ^ 2
                }
                for (e = 0; e < 16; e++) mean[c, e] /= sqrt(norm)
            }
            for (i = 0; i < 7; i++) {
                best = -9
                for (c = 0; c < 3; c++) {
                    sum = 0
                    for (e = 0; e < 16; e++) sum += mean[c, e] * image[i * 16 + e + 1]
                    if (sum > best) { best = sum; class = c }
                }
                right += class == i % 3
            }
            printf "%.6f", right / 7
        }')
    [ "$(shares line acc1)" = "$right" ]
}

@test "score retrieval: recall by the definition, with several captions a picture" {
    tiny_captioned set 13
    serve_images --data set
    serve_texts --data set --captions-per-record all
    score retrieval --data set >line
    all_left
    for side in image text; do
        if [ $side = image ]; then
            serve_images --data set
            score embed --role image-encode --out $side.npy --names $side.ids
        else
            serve_texts --data set --captions-per-record all
            score embed --role text-decode --out $side.npy --names $side.ids
        fi
        all_left
        numbers $side.npy >$side.numbers
    done
    for k in 1 5 10; do
        [ "$(shares line "image_retrieval_recall@$k")" = "$(recall $k text image)" ]
        [ "$(shares line "text_retrieval_recall@$k")" = "$(recall $k image text)" ]
    done
    grep -q '"chance": {"image_retrieval_recall@1": 0.0769' line
}

@test "score: results are merged by dataset, task, model, weights and step" {
    tiny_labelled set 4
    classes set
    coca-score prompts --data set >prompts
    touch prompts.closed
    once() {
        serve_texts --list prompts
        serve_images --data set
        score zero-shot --data set --results results.json "$@"
        all_left
    }
    once --step 1
    once --step 1
    [ "$(grep -c '"task"' results.json)" -eq 1 ]
    once --step 2
    once --dataset other
    [ "$(grep -c '"task"' results.json)" -eq 3 ]
    [ "$(grep -c '"dataset": "other"' results.json)" -eq 1 ]
    echo '{"no": "list"}' >results.json
    serve_texts --list prompts
    serve_images --data set
    run score zero-shot --data set --results results.json
    [ "$status" -eq 3 ]
    [ "$(cat results.json)" = '{"no": "list"}' ]
    stop_all
}

@test "score zero-shot: prompts of other classes, and records without a class, are exit 3" {
    tiny_labelled set 4
    classes set
    head -n 2 classes.txt >fewer.txt
    coca-score prompts --data set >prompts
    touch prompts.closed
    serve_texts --list prompts
    serve_images --data set
    run score zero-shot --data set --classnames fewer.txt
    [ "$status" -eq 3 ]
    [[ $output == *"6 prompts came"* ]]
    coca-score prompts --data set --classnames fewer.txt >fewer
    touch fewer.closed
    stop_all
    serve_texts --list fewer
    serve_images --data set
    run score zero-shot --data set --classnames fewer.txt
    [ "$status" -eq 3 ]
    [[ $output == *"has class 2"* ]]
    stop_all
    tiny_captioned captions 4
    run score zero-shot --data captions --classnames classes.txt --templates set/zeroshot_classification_templates.txt
    [ "$status" -eq 3 ]
    [[ $output == *"no record has a class"* ]]
    echo 'a frog' >no-place
    run coca-score prompts --classnames classes.txt --templates no-place
    [ "$status" -eq 3 ]
}

@test "score embed: npy, and safetensors with names and ids" {
    tiny_pictures pictures 5
    ls pictures/*.png >list
    touch list.closed
    for out in rows.npy rows.safetensors; do
        serve_images --list list
        score embed --out $out --names names
        all_left
        cmp names list
    done
    [ "$(head -c 6 rows.npy | tail -c 5)" = NUMPY ]
    grep -aq "'shape': (5, 16)" rows.npy
    [ "$(stat -c %s rows.npy)" -eq $((128 + 5 * 16 * 4)) ]
    for tensor in '"embedding":{"dtype":"F32","shape":\[5,16\]' '"ids":{"dtype":"I64","shape":\[5\]' '"names":{"dtype":"U8"'; do
        tr -d ' ' <rows.safetensors | grep -aq "$tensor"
    done
    [[ $(hex rows.safetensors) == *"$(hex <(tail -c 320 rows.npy))"* ]]
    run score embed --out rows.txt
    [ "$status" -eq 2 ]
}

@test "score neighbours: every row is its own nearest, and what does not fit is refused" {
    tiny_pictures pictures 5
    ls pictures/*.png >list
    touch list.closed
    serve_images --list list
    score embed --out rows.npy
    all_left
    coca-score neighbours --queries rows.npy --keys rows.npy --k 9 >found
    [ "$(wc -l <found)" -eq 25 ]
    [ "$(awk 'NR % 5 == 1 && $1 == $2 && $3 > 0.999' found | wc -l)" -eq 5 ]
    [ "$(awk 'NR % 5 != 1 && $3 > last { print } { last = $3 }' found | wc -l)" -eq 0 ]
    run coca-score neighbours --queries rows.npy --keys list
    [ "$status" -eq 3 ]
    run coca-score neighbours --queries rows.npy
    [ "$status" -eq 2 ]
}

@test "score embed: what could not be read is named, has a row of zeros, and the exit code is 3" {
    tiny_pictures pictures 2
    printf 'pictures/00.png\nmissing.png\npictures/01.png\n' >list
    touch list.closed
    serve_images --list list
    run score embed --out rows.npy
    [ "$status" -eq 3 ]
    [[ $output == *"missing.png: cannot be opened: No such file"* ]]
    [ "$(numbers rows.npy | sed -n 17,32p | sort -u | tr -d ' ')" = 0 ]
    [ "$(numbers rows.npy | grep -cx ' *0')" -eq 16 ]
}

# caption WORKER ARGUMENT ...: a recording of the captions.
caption() {
    start coca-decode --images ipc://images "$@"
    start coca-image-encode --images ipc://images --features ipc://features
    coca-text-decode "${MODEL[@]}" --generate --features ipc://features --captions file:captions.rec
    all_left
}
captions() { coca-score captions --model model.json --captions file:captions.rec "$@"; }

@test "score captions: TSV, JSON, pairs in the terminal and on a page with the pictures in it" {
    tiny_captioned set 7
    caption --data set
    captions --data set >list.tsv
    [ "$(cut -f1 list.tsv | tr '\n' ' ')" = "00 01 02 03 04 05 06 " ]
    captions --data set --format json --out list.json
    [ "$(grep -c '"image_id": ' list.json)" -eq 7 ]
    grep -q '^\[{"image_id": "00", ' list.json # a text: no number is spelled so
    captions --data set --pairs 3 --html page.html >pairs
    [ "$(grep -v '^ ' pairs | tr '\n' ' ')" = "00 03 05 " ]
    grep -q '^  true       frog 5; bag 5; boot 5$' pairs
    [ "$(grep -A2 '^05' pairs | tail -n 1)" = "  generated  $(sed -n 's/^05\t//p' list.tsv)" ]
    [ "$(grep -c '<figure>' page.html)" -eq 3 ]
    sed -n 's/.*base64,\([^"]*\)".*/\1/p' page.html | sed -n 2p | base64 -d | cmp - captioned/03.png
    refute grep -q 'src="[^d]' page.html
    captions --data set --html whole.html >/dev/null
    [ "$(grep -c '<figure>' whole.html)" -eq 7 ]
    run captions --pairs 3
    [ "$status" -eq 2 ]
}

# values FILE: the caption metrics that are numbers, one a line.
values() { grep -oE '"(Bleu_.|ROUGE_L|CIDEr)": [0-9.e-]{1,14}' "$1"; }

@test "score captions --metrics: the scores that files of the same captions have, and how they were made" {
    local i words=(frog bag boot) references=()
    tiny_captioned set 7
    caption --data set
    captions --data set --metrics --results results.json --num-beams 3 --out list.json --format json >line
    for ((i = 0; i < 7; i++)); do
        for word in "${words[@]:0:i % 3 + 1}"; do references+=("{\"image_id\": \"0$i\", \"caption\": \"$word $i\"}"); done
    done
    (IFS=,; echo "{\"annotations\": [${references[*]}]}") >r.json
    coca-score metrics --references r.json --results list.json >same
    values line >scores
    [ "$(wc -l <scores)" -eq 6 ]
    values same | diff - scores
    grep -q '"task": "captioning".*"settings": {.*"num-beams": 3,.*"seed": 0' line
    refute grep -q null.*settings line
    captions --data set --metrics --results results.json --num-beams 2 >line
    captions --data set --metrics --results results.json --num-beams 2 >line
    [ "$(grep -c captioning results.json)" -eq 2 ]
    run captions --metrics
    [ "$status" -eq 2 ]
    run captions --data set --results results.json
    [ "$status" -eq 2 ]
    tiny_labelled labelled 3
    run captions --data labelled --metrics
    [ "$status" -eq 3 ]
}

# acts: whether stdin has what acts on a terminal: C0 but line ends and tabs, DEL, C1, bidirectional overrides.
acts() { LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]'; }

@test "score captions: texts cannot break the table, the terminal or the page" {
    tiny_pictures pictures 1
    printf 'a \033[31m<b>&"frog"\302\2331m\342\200\256\177\n' >pictures/00.txt
    name=$'<i>\033[2J\302\233\342\200\256\n'$(printf 'n%.0s' {1..200})
    for suffix in png txt; do mv pictures/00.$suffix "pictures/$name.$suffix"; done
    coca-pack pack --from folder pictures --to set
    caption --data set
    captions --data set --pairs 1 --html page.html >pairs
    captions --data set --format json --out list.json
    coca-pack list set >list
    coca-pack show set 0 >show
    coca-pack verify set &>verify
    captions --data set >list.tsv
    for out in pairs page.html list.json list show verify list.tsv; do refute acts <$out; done
    grep -q '&lt;b&gt;&amp;&quot;frog&quot;' page.html
    refute grep -q '<[bi]>' page.html
    [ "$(cut -f1 list.tsv)" = "$(cut -f2 list)" ]
    [ "$(wc -l <list.tsv)" -eq 1 ]
}

@test "score captions: an image_id is a number where its text is one's own spelling" {
    tiny_pictures pictures 1
    mkdir numbers
    for id in 0 7 007 -7 +7 9223372036854775807 9223372036854775808 1e3; do cp pictures/00.png "numbers/$id.png"; echo frog >"numbers/$id.txt"; done
    coca-pack pack --from folder numbers --to set
    caption --data set
    captions --data set --format json --out list.json
    [ "$(grep -o '"image_id": [^,]*' list.json | cut -d' ' -f2 | sort | tr '\n' ' ')" = \
        "$(printf '%s\n' 0 7 '"007"' '"-7"' '"+7"' 9223372036854775807 '"9223372036854775808"' '"1e3"' | sort | tr '\n' ' ')" ]
}

@test "score captions: a picture that could not be read has an empty caption, and the exit code is 3" {
    tiny_pictures pictures 4
    printf 'pictures/01.png\nmissing.png\npictures/03.png\n' >list
    touch list.closed
    caption --list list
    run captions --out list.tsv
    [ "$status" -eq 3 ]
    [ "$(cut -f1 list.tsv)" = "$(cat list)" ]
    grep -qx $'missing.png\t' list.tsv
}

@test "score: usage, and a signal while it waits" {
    run coca-score
    [ "$status" -eq 2 ]
    run coca-score no-such
    [ "$status" -eq 2 ]
    run score zero-shot
    [ "$status" -eq 2 ]
    run coca-score retrieval "${MODEL[@]}"
    [ "$status" -eq 2 ]
    for command in zero-shot retrieval embed captions prompts; do
        coca-score $command --help | grep -q -- --help
    done
    run coca-score embed "${MODEL[@]}" --embeddings ipc://embeddings --out rows.npy --peer-timeout 1
    [ "$status" -eq 4 ]
    [[ $output == *image-encode* ]]
    score embed --out rows.npy 3>&- &
    sleep 1
    kill -TERM $!
    wait $! && status=0 || status=$?
    [ "$status" -eq 143 ]
}

@test "score prompts: names and templates from JSON in CLIP_benchmark's layout, and a class's own prompts" {
    tiny_labelled cifar/test 4
    printf '{"cifar": ["bone", "bag", "frog"], "other": ["x"]}\n' >names.json
    printf '{"imagenet1k": ["the {c}"], "cifar": ["a {c}.", "{}, a type of thing."]}\n' >templates.json
    coca-score prompts --data cifar/test --classnames names.json --templates templates.json >prompts
    printf '%s\n' 'a bone.' 'bone, a type of thing.' 'a bag.' 'bag, a type of thing.' 'a frog.' 'frog, a type of thing.' |
        cmp - prompts
    coca-score prompts --classnames names.json --templates templates.json --class-set wds/other >prompts
    [ "$(cat prompts)" = "the x" ]
    printf '{"cifar": {"frog": ["green"], "bone": ["white {}", "hard"], "bag": ["red"]}}\n' >own.json
    coca-score prompts --data cifar/test --classnames names.json --templates own.json >prompts
    printf '%s\n' 'white {}' hard red green | cmp - prompts
    printf '["p", "q"]\n' >list.json
    printf '["a {}"]\n' >one.json
    coca-score prompts --classnames list.json --templates one.json >prompts
    printf 'a p\na q\n' | cmp - prompts
    run coca-score prompts --classnames names.json --templates one.json --class-set none
    [ "$status" -eq 3 ]
    [[ $output == *"cifar, other"* ]]
    printf '["a thing"]\n' >placeless.json
    for templates in '["a thing"]' '[]' '[3]' '{"cifar": {"bone": ["b"]}}' '{"cifar": {"bone": []}}' '7' '{'; do
        printf '%s\n' "$templates" >bad.json
        run coca-score prompts --data cifar/test --classnames names.json --templates bad.json
        [ "$status" -eq 3 ]
    done
}

@test "score zero-shot: classes with different numbers of prompts" {
    tiny_labelled set 5
    cp classes.txt set/classnames.txt
    printf '{"ankle boot": ["a boot", "two boots"], "red bag": ["a bag"], "blue frog": ["a", "frog", "sits"]}\n' >own.json
    coca-score prompts --data set --templates own.json >prompts
    [ "$(wc -l <prompts)" -eq 6 ]
    touch prompts.closed
    serve_texts --list prompts
    serve_images --data set
    score zero-shot --data set --templates own.json >line
    all_left
    grep -q '"acc1": ' line
}

@test "eval: a tar root of CLIP_benchmark is packed once and measured by its kind" {
    local eval=$BATS_TEST_DIRNAME/../../pipelines/eval.sh
    tiny_labelled set 7
    mkdir -p wds/frogs/test wds/pairs/test
    coca-pack export set --tar wds/frogs/test/0.tar --limit 4
    coca-pack export set --tar wds/frogs/test/1.tar --first 4
    echo 2 >wds/frogs/test/nshards.txt
    cp classes.txt wds/frogs/classnames.txt
    printf 'a {c}\n' >wds/frogs/zeroshot_classification_templates.txt
    tiny_captioned captions 5
    coca-pack export captions --tar wds/pairs/test/0.tar
    echo 1 >wds/pairs/test/nshards.txt
    echo retrieval >wds/pairs/dataset_type.txt
    "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name run --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data captions --batch-size 4 --microbatch 2 --steps 1
    "$eval" --run run --runs runs --benchmark wds/frogs --benchmark wds/pairs >lines
    grep -q '"dataset": "frogs".*"task": "zeroshot_classification".*"acc1"' lines
    grep -q '"dataset": "pairs".*"task": "zeroshot_retrieval".*"image_retrieval_recall@5"' lines
    [ "$(coca-pack list wds/frogs/cocaflow | wc -l)" -eq 7 ]
    touch -d '2001-01-01' wds/frogs/cocaflow/dataset.json
    printf '{"frogs": {"ankle boot": ["a boot"], "red bag": ["a bag", "bags"], "blue frog": ["a frog"]}}\n' >own.json
    "$eval" --run run --runs runs --benchmark wds/frogs --dataset wds/frogs --templates own.json >again
    grep -q '"dataset": "wds/frogs"' again
    [ "$(stat -c %Y wds/frogs/cocaflow/dataset.json)" -lt 1000000000 ]
    echo 0 >wds/frogs/test/nshards.txt
    rm -r wds/frogs/cocaflow
    run "$eval" --run run --runs runs --benchmark wds/frogs
    [ "$status" -eq 3 ]
    [[ $output == *nshards.txt* ]]
}
