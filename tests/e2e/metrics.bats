#!/usr/bin/env bats
# coca-score metrics: captions in files, judged. Their numbers are held to pycocoevalcap's in tests/unit/coca-score.

load tiny

setup() { cd "$(mktemp -d)" && without_data; }
teardown() { rm -rf "$PWD"; }

# without_data: the executable where data/meteor.sh has made nothing.
without_data() {
    mkdir -p bare/build/bin
    cp "$(command -v coca-score)" bare/build/bin/
    PATH=$PWD/bare/build/bin:$PATH
}
# metrics OPTION ...: of r.json and c.json.
metrics() { coca-score metrics --references r.json --results c.json --tokenizer none "$@"; }
# pictures: two with two captions each and what was generated for them, and one without captions.
pictures() {
    cat >r.json <<'E2'
{"images": [{"id": 1, "domain": "near-domain"}, {"id": 5}, {"id": "0x", "domain": "in-domain"}],
 "annotations": [{"image_id": 1, "caption": "a red dog runs fast"}, {"image_id": "0x", "caption": "two cats sit"},
                 {"image_id": 1, "caption": "the red dog"}, {"image_id": "0x", "caption": "cats on grass"}]}
E2
    echo '[{"image_id": "0x", "caption": "two cats sit"}, {"image_id": "1", "caption": "a red dog runs fast"}]' >c.json
}
# tiny_meteor FILE: METEOR's data of the golden captions.
GOLDEN=$BATS_TEST_DIRNAME/../parity/captions/meteor
tiny_meteor() { coca-score meteor-data --from "$GOLDEN/source" --to "$1"; }
# golden OPTION ...: the golden captions' scores.
golden() { coca-score metrics --references "$GOLDEN/references.json" --results "$GOLDEN/results.json" --tokenizer none "$@"; }
# refused TEXT OPTION ...: exit 3, and this said.
refused() {
    run metrics "${@:2}"
    [ "$status" -eq 3 ]
    [[ $output == *"$1"* ]]
}

@test "metrics: one object with every metric, null with the reason where one is not known" {
    pictures
    metrics >line 2>words
    [ "$(wc -l <line)" -eq 1 ]
    [ ! -s words ]
    for name in Bleu_{1,2,3,4} METEOR-exact-stem ROUGE_L CIDEr; do grep -q "\"$name\": [0-9]" line; done
    grep -q '"ROUGE_L": 1.0,' line
    for name in METEOR SPICE; do grep -q "\"$name\": null.*\"${name}_reason\": \"" line; done
}

@test "metrics: each picture's scores, and those of each domain" {
    pictures
    metrics --per-image each.json >line
    [ "$(grep -o '"image_id": [^,]*' each.json | tr '\n' ' ')" = '"image_id": 1 "image_id": "0x" ' ]
    [ "$(grep -c '"METEOR": null, "METEOR-exact-stem": 1.0, "ROUGE_L": 1.0, "CIDEr": [0-9.]*, "SPICE": null' each.json)" -eq 2 ]
    metrics --domains >line 2>words
    grep -q '^{"in-domain": {"Bleu_1".*}, "near-domain": {.*"CIDEr": 0.0,.*}, "all": {"Bleu_1".*}}$' line
    grep -q 'in-domain: CIDEr of one picture is 0' words
    sed -i 's/, "domain": "in-domain"//' r.json
    refused 'r.json: images' --domains
}

@test "metrics: captions are cut as COCO's evaluation cuts them, unless they are tokens already" {
    pictures
    sed -i 's/"a red dog runs fast"/"A red dog, runs FAST!"/' c.json
    coca-score metrics --references r.json --results c.json --spice-input in.json >line
    grep -q '"ROUGE_L": 1.0,' line
    grep -q '"test": "a red dog runs fast"' in.json
    metrics --tokenizer none >line
    refute grep -q '"ROUGE_L": 1.0,' line
    run metrics --tokenizer moses
    [ "$status" -eq 2 ]
}

@test "metrics: what SPICE reads is written, and what it wrote is taken" {
    pictures
    metrics --spice-input in.json >line
    tr -d ' \n' <in.json >flat
    grep -qF '[{"image_id":1,"test":"areddogrunsfast","refs":["areddogrunsfast","thereddog"]},' flat
    cat >spice.json <<'E2'
[{"image_id": 1, "scores": {"All": {"f": 0.25}}}, {"image_id": "0x", "scores": {"All": {"f": 0.5}}}]
E2
    metrics --spice spice.json --per-image each.json >line
    grep -q '"SPICE": 0.375,' line
    refute grep -q SPICE_reason line
    grep -q '"image_id": 1,.*"SPICE": 0.25}' each.json
    sed -i 's/0\.5/NaN/' spice.json
    metrics --spice spice.json >line
    grep -q '"SPICE": null.*"SPICE_reason": "' line
    echo '[{"image_id": 1, "scores": {"All": {"f": 0.25}}}]' >spice.json
    refused 'spice.json: has nothing of 1 of 2 pictures' --spice spice.json
    echo '[{"image_id": 1, "scores": {}}]' >spice.json
    refused 'spice.json: scores[0] has no scores.All.f' --spice spice.json
}

@test "metrics: files that disagree are refused, by place" {
    pictures
    echo '[{"image_id": 1, "caption": "a dog"}]' >c.json
    refused 'c.json: has nothing of 1 of 2 pictures with captions in r.json, the first is 0x'
    echo '[{"image_id": 1, "caption": "a dog"}, {"image_id": 1.0, "caption": "a cat"}]' >c.json
    refused 'c.json: results[1] is a second caption'
    echo '[{"image_id": 5, "caption": "a dog"}]' >c.json
    refused 'c.json: results[0] is of picture 5, which has no captions in r.json'
    echo '[{"image_id": 1, "caption": null}]' >c.json
    refused 'c.json: results[0] has no caption'
    echo '[{"caption": "a dog"}, 3]' >c.json
    refused 'c.json: results[0] has no id'
    echo '[3]' >c.json
    refused 'c.json: results[0] has no id'
    echo '{"image_id": 1}' >c.json
    refused 'c.json: is not a list'
    echo '[{"image_id": 1' >c.json
    refused 'c.json: line 2'
}

@test "metrics: references that are no captions are refused, and strays left out" {
    pictures
    sed -i '0,/"image_id": 1/s//"image_id": 77/' r.json
    metrics 2>words >line
    grep -q 'r.json: 1 captions are left out' words
    sed -i 's/"caption": "the red dog"/"bbox": 1/' r.json
    refused 'r.json: annotations[2] has no caption'
    echo '{"images": [{"id": 1}], "annotations": []}' >r.json
    refused 'c.json: results[0] is of picture 0x'
    echo '[]' >c.json
    refused 'r.json: has no captions'
    echo '{"images": [{"id": null}], "annotations": []}' >r.json
    refused 'r.json: images[0] has no id'
    for text in '[]' '{"images": []}' '{"images": 3, "annotations": []}'; do
        echo "$text" >r.json
        refused "r.json: is not COCO's"
    done
    run coca-score metrics --results c.json
    [ "$status" -eq 2 ]
    run metrics --per-image no-such-folder/each.json
    [ "$status" -eq 1 ]
}

@test "metrics: annotations alone, ids of any kind, and texts that are empty" {
    cat >r.json <<'E2'
{"annotations": [{"image_id": 12345678901234567890123, "caption": ""}, {"image_id": "1e3", "caption": "a b"}]}
E2
    printf '\357\273\277' >c.json
    cat >>c.json <<'E2'
[{"image_id": "12345678901234567890123", "caption": ""}, {"image_id": "1e3", "caption": "a b"}]
E2
    metrics --per-image each.json >line
    [ "$(grep -c '"ROUGE_L": 1.0' each.json)" -eq 2 ]
}

@test "metrics: METEOR of the data that are named, or that the recipe made beside the executables" {
    mkdir -p bare/data/meteor
    tiny_meteor tiny.meteor 2>words
    grep -q 'tiny.meteor: 66 words, 803 phrases, 820 paraphrases' words
    golden --meteor-data tiny.meteor >line
    cut=$(grep -o '"METEOR": [0-9.]*' "$GOLDEN/golden.json" | head -n 1)
    grep -qF "${cut:0:24}" line
    refute grep -qE 'METEOR_reason|METEOR-exact-stem' line
    golden >other
    grep -q '"METEOR": null, "METEOR-exact-stem": [0-9.]*,' other
    mv tiny.meteor bare/data/meteor/english.meteor
    golden >other
    cmp line other
}

@test "metrics: the same bits on one core as on all" {
    tiny_meteor tiny.meteor
    golden --meteor-data tiny.meteor --per-image all.json >all
    taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')" coca-score metrics --references "$GOLDEN/references.json" \
        --results "$GOLDEN/results.json" --tokenizer none --meteor-data tiny.meteor --per-image one.json >one
    cmp all one
    cmp all.json one.json
}

@test "metrics: METEOR's data that are missing, cut or something else are refused" {
    pictures
    refused 'none.meteor' --meteor-data none.meteor
    refused "r.json: is not METEOR's data" --meteor-data r.json
    tiny_meteor tiny.meteor
    head -c -8 tiny.meteor >cut.meteor
    refused 'cut.meteor: is not as long as it says' --meteor-data cut.meteor
    for ((i = 0; i < 400; i++)); do printf '\377\377\377\377'; done | dd of=tiny.meteor bs=1 seek=1000 conv=notrunc
    refused 'tiny.meteor: is damaged' --meteor-data tiny.meteor
}

@test "captions: what only --metrics uses is refused without it" {
    for option in --results --meteor-data; do
        run coca-score captions --captions file:none --data none $option some
        [ "$status" -eq 2 ]
        [[ $output == *"$option FILE is for --metrics"* ]]
    done
}

@test "meteor-data: files that are not METEOR's are refused, by line" {
    cp -r "$GOLDEN/source" source
    refused_data() {
        run coca-score meteor-data --from source --to out.meteor
        [ "$status" -eq 3 ]
        [[ $output == *"$1"* ]]
        [ ! -e out.meteor ]
    }
    zcat source/data/paraphrase-en.gz | head -n 5 >short
    gzip -c short >source/data/paraphrase-en.gz
    refused_data 'paraphrase-en.gz: line 6: is missing'
    printf '0.5\n \nx\n' >source/data/paraphrase-en.gz
    refused_data 'paraphrase-en.gz: line 3: belongs to an entry without words'
    head -c 2000 "$GOLDEN/source/data/paraphrase-en.gz" >source/data/paraphrase-en.gz
    refused_data "gzip data are cut"
    head -c 100000 /dev/zero | tr '\0' a >source/data/paraphrase-en.gz
    refused_data 'line 1: is longer'
    printf 'cat\n12 x\n' >source/synonym/english.synsets
    refused_data 'english.synsets: line 2: is not a list of numbers'
    rm source/function/english.words
    refused_data 'english.words: cannot be opened'
    run coca-score meteor-data --from source
    [ "$status" -eq 2 ]
}
