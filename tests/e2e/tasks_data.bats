#!/usr/bin/env bats
# coca-pack: the data of tasks, each in its authors' files and in LAVIS's, with what is known to go wrong with them.

load tiny

setup() { tiny_setup; }
teardown() { tiny_teardown; }

reasons() { jq -r '[.name, .reason, .detail // ""] | join("|")' "$1/dropped.jsonl"; }
record() { coca-pack show "$1" "$2" | jq -c "$3"; }

# vqa_set: pictures of COCO's names in train2014/, two questions of picture 9 and one of picture 12, with annotations.
vqa_set() {
    tiny_pictures pictures 3
    mkdir train2014
    cp pictures/00.png train2014/COCO_train2014_000000000009.jpg
    cp pictures/01.png train2014/COCO_train2014_000000000012.jpg
    jq -n '{data_subtype: "train2014", questions: [
        {image_id: 9, question: "Is it red?", question_id: 90},
        {image_id: 9, question: "How many?", question_id: 91},
        {image_id: 12, question: "What is it?", question_id: 120}]}' >questions.json
    jq -n 'def ten: [range(10) as $i | {answer: .[$i % length], answer_confidence: "yes", answer_id: ($i + 1)}];
        {annotations: [
        {question_id: 120, image_id: 12, question_type: "what is", answer_type: "other",
            multiple_choice_answer: "The T-shirt", answers: (["The T-shirt", "shirt"] | ten)},
        {question_id: 90, image_id: 9, question_type: "is it", answer_type: "yes/no",
            multiple_choice_answer: "Yes", answers: (["Yes"] | ten)},
        {question_id: 91, image_id: 9, question_type: "how many", answer_type: "number",
            multiple_choice_answer: "two", answers: (["two", "2"] | ten)}]}' >annotations.json
}

@test "vqa: each question is a record with ten answers and its kinds; pictures by COCO's names, in a folder by set too" {
    vqa_set
    coca-pack pack --from vqa questions.json --annotations annotations.json --min-answers 1 --to set
    [ "$(record set 1 '[.id, .question, (.answers | length), .answers[1], .question_type, .answer_type, .image.format]')" = \
        '["91","How many?",10,"2","how many","number","png"]' ]
    coca-pack extract set 0 | cmp - pictures/00.png
    coca-pack extract set 1 | cmp - pictures/00.png
    coca-pack extract set 2 | cmp - pictures/01.png
    coca-pack pack --from vqa questions.json --annotations annotations.json --images-root train2014 --to root
    diff <(coca-pack show set | jq .fingerprint) <(coca-pack show root | jq .fingerprint)
    coca-pack verify set
    coca-pack export set --tar - | tar xO 000000001.json | jq -e '.question_type == "how many" and (.answers | length) == 10'
}

@test "vqa: the answer list is of normalised answers of enough questions, the most frequent first, then by bytes" {
    vqa_set
    coca-pack pack --from vqa questions.json --annotations annotations.json --min-answers 1 --to set
    printf '%s\n' 2 't shirt' yes | cmp - set/answers.txt
    jq '.questions += [{image_id: 9, question: "So?", question_id: 92}]' questions.json >more.json
    jq '.annotations += [.annotations[1] | .question_id = 92 | .multiple_choice_answer = "1,000, YES"]' annotations.json >more.answers
    coca-pack pack --from vqa more.json --annotations more.answers --min-answers 1 --to more
    printf '%s\n' '1000 yes' 2 't shirt' yes | cmp - more/answers.txt
    run coca-pack pack --from vqa questions.json --annotations annotations.json --to few
    [ "$status" -eq 0 ]
    [[ $output == *"no answer is that of 9 questions"* ]]
    [ ! -e few/answers.txt ]
    coca-pack pack --from dataset set --to again
    cmp set/answers.txt again/answers.txt
}

@test "vqa: a test set has no annotations; test-dev's pictures are test's; another name by a pattern" {
    vqa_set
    jq '.data_subtype = "test-dev2015"' questions.json >test.json
    mkdir test2015
    cp pictures/00.png test2015/COCO_test2015_000000000009.jpg
    cp pictures/01.png test2015/COCO_test2015_000000000012.jpg
    coca-pack pack --from vqa test.json --to set
    [ "$(coca-pack show set | jq -c .fields)" = '["image","question","id"]' ]
    [ ! -e set/answers.txt ]
    cp pictures/00.png 9.png
    cp pictures/01.png 12.png
    coca-pack pack --from vqa test.json --image-pattern %d.png --to named
    coca-pack extract named 2 | cmp - pictures/01.png
    run coca-pack pack --from vqa test.json --image-pattern %n.png --to no
    [ "$status" -eq 2 ]
    run coca-pack pack --from vqa test.json --image-pattern "%d%d.png" --to no
    [ "$status" -eq 2 ]
}

@test "vqa: what has no picture or annotation is left out by name, and annotations without a question are counted" {
    vqa_set
    rm train2014/*12.jpg
    jq 'del(.annotations[1])' annotations.json | jq '.annotations += [.annotations[0] | .question_id = 7]' >odd.json
    run coca-pack pack --from vqa questions.json --annotations odd.json --min-answers 1 --to set
    [ "$status" -eq 0 ]
    [[ $output == *"1 annotations are left out"* ]]
    [ "$(reasons set | head -1)" = "questions.json: question 0|unreadable|has no annotation" ]
    [[ $(reasons set | tail -1) == *"question 2|unreadable|./COCO_train2014_000000000012.jpg cannot be opened"* ]]
    coca-pack pack --from vqa questions.json::questions.json --annotations annotations.json::odd.json --to both
    [ "$(coca-pack show both | jq .records)" -eq 3 ]
    run coca-pack pack --from vqa questions.json questions.json questions.json --annotations odd.json::odd.json --to no
    [ "$status" -eq 2 ]
}

@test "snli-ve: classes in the order of LAVIS, pairs without a gold label left out, ids with and without .jpg" {
    tiny_pictures pictures 3
    cp pictures/00.png pictures/47.jpg
    cp pictures/01.png pictures/48.jpg
    cat >pairs.jsonl <<'E2'
{"Flickr30K_ID": "47", "sentence1": "A caption.", "sentence2": "A dog.", "gold_label": "entailment", "pairID": "47.jpg#0r1e"}
{"Flickr30K_ID": 48, "sentence2": "A cat.", "gold_label": "neutral", "pairID": "48.jpg#0r1n"}
{"Flikr30kID": "47.jpg", "sentence2": "A car.", "gold_label": "contradiction", "pairID": "47.jpg#0r1c"}
{"Flickr30K_ID": "47", "sentence2": "A boat.", "gold_label": "-", "pairID": "47.jpg#0r2"}
{"Flickr30K_ID": "49", "sentence2": "A boat.", "gold_label": "neutral", "pairID": "49.jpg#0r2"}
E2
    coca-pack pack --from snli-ve pairs.jsonl --images-root pictures --to set
    [ "$(coca-pack list set | cut -f2,4 | tr '\t\n' '= ')" = "47.jpg#0r1e=2 48.jpg#0r1n=1 47.jpg#0r1c=0 " ]
    [ "$(record set 0 '[.question, .labels]')" = '["A dog.",["entailment"]]' ]
    printf '%s\n' contradiction neutral entailment | cmp - set/classnames.txt
    [[ $(reasons set | head -1) == 'pairs.jsonl: line 4|unreadable|its label "-" is none'* ]]
    [[ $(reasons set | tail -1) == *"pictures/49.jpg cannot be opened"* ]]
}

@test "nlvr2: two pictures of an identifier, in any of its folders, whatever their bytes are; class 1 is True" {
    tiny_pictures pictures 4
    mkdir -p train/57 dev
    cp pictures/00.png train/57/train-101-0-img0.png
    cp pictures/01.png train/57/train-101-0-img1.png
    cp pictures/02.png dev/dev-8-0-img0.png
    printf '\377\330\377' | cat - pictures/03.png >dev/dev-8-0-img1.png
    cat >pairs.jsonl <<'E2'
{"sentence": "Both are red.", "label": "True", "identifier": "train-101-0-0", "directory": 57}
{"sentence": "One is red.", "label": "False", "identifier": "train-101-0-1", "directory": 57}
{"sentence": "None is red.", "label": "True", "identifier": "dev-8-0-0"}
E2
    coca-pack pack --from nlvr2 pairs.jsonl --to set
    [ "$(record set 0 '[.id, .class, .question, .labels, [.images[].format]]')" = \
        '["train-101-0-0",1,"Both are red.",["True"],["png","png"]]' ]
    [ "$(record set 1 .class)" = 0 ]
    [ "$(reasons set | cut -d'|' -f1,2)" = "pairs.jsonl: line 3|picture does not decode" ]
    printf '%s\n' False True | cmp - set/classnames.txt
    coca-pack export set --tar - | tar xO 000000001.1.png | cmp - pictures/01.png
}

@test "nlvr2: pictures that are called png and are JPEG are taken by their bytes" {
    tiny_pictures pictures 2
    for i in 0 1; do echo "a text" >pictures/0$i.txt; done
    coca-pack pack --from folder pictures --resize 8 --quality 90 --to jpegs
    for i in 0 1; do coca-pack extract jpegs $i --to test1-0-1-img$i.png; done
    echo '{"sentence": "s", "identifier": "test1-0-1-0", "label": false}' >pairs.jsonl
    coca-pack pack --from nlvr2 pairs.jsonl --to set
    [ "$(record set 0 '[.class, .images[].format]')" = '[0,"jpeg","jpeg"]' ]
}

@test "lavis: lists of four tasks, told by their keys" {
    tiny_pictures pictures 4
    jq -n '[{question: "Red?", question_id: 5, image: "00.png", dataset: "vqa", answer: ["yes", "no", "yes"], answer_type: "yes/no"},
        {question: "What?", image: "01.png", dataset: "vg", answer: "yes"}]' >vqa.json
    jq -n '[{image: "00.png", sentence: "A dog.", label: "entailment"}]' >ve.json
    jq -n '[{images: ["00.png", "01.png"], sentence: "Both.", label: "False"},
        {images: ["02.png", "03.png"], sentence: "Both.", label: "True", identifier: "dev-1-0-0"}]' >pairs.json
    jq -n '[{image: "00.png", caption: "one", image_id: "a"}, {image: "00.png", caption: "two", image_id: "a"}]' >captions.json
    for i in vqa ve pairs captions; do
        coca-pack pack --from lavis $i.json --images-root pictures --min-answers 1 --to $i
    done
    [ "$(record vqa 0 '[.id, .question, .answers, .answer_type]')" = '["5","Red?",["yes","no","yes"],"yes/no"]' ]
    [ "$(record vqa 1 .answers)" = '["yes"]' ]
    echo yes | cmp - vqa/answers.txt
    [ "$(record ve 0 '[.class, .question]')" = '[2,"A dog."]' ]
    [ "$(record pairs 0 '[.class, (.images | length)]')" = '[0,2]' ]
    [ "$(record pairs 1 .id)" = '"dev-1-0-0"' ]
    [ "$(record captions 0 '[.id, .captions]')" = '["00.png",["one","two"]]' ]
    run coca-pack pack --from lavis ve.json pairs.json --images-root pictures --to no
    [ "$status" -eq 3 ]
    [[ $output == *"has other classes"* ]]
    jq '.[0].question = " \n"' vqa.json >blank.json
    coca-pack pack --from lavis blank.json --images-root pictures --to blank
    [ "$(reasons blank)" = "blank.json: item 0|empty text|its question or the kind of it" ]
    echo '{}' >no.json
    run coca-pack pack --from lavis no.json --to no
    [ "$status" -eq 3 ]
}

@test "kinetics: clips of the CSV, classes sorted, rotten links left out and the number of videos told" {
    mkdir -p clips/dancing_slowly clips/"air drumming"
    echo one >clips/abc_000003_000013.mp4
    echo two >clips/dancing_slowly/-de_000010_000020.webm
    echo three >clips/"air drumming"/f_g_000000_000010.mp4
    cat >list.csv <<'E2'
label,youtube_id,time_start,time_end,split
yoga,abc,3,13,train
dancing slowly,-de,10,20,train
air drumming,f_g,0,10,train
yoga,gone,1,11,train
yoga,abc,3,13,validate
E2
    run coca-pack pack --from kinetics list.csv --images-root clips --split train --no-verify --to set
    [ "$status" -eq 0 ]
    [[ $output == *"3 of 4 videos are there"* ]]
    [ "$(coca-pack list set | cut -f2,4 | tr '\t\n' '= ')" = "abc_000003_000013=2 -de_000010_000020=1 f_g_000000_000010=0 " ]
    printf '%s\n' 'air drumming' 'dancing slowly' yoga | cmp - set/classnames.txt
    [ "$(record set 1 '[.video.bytes, .labels]')" = '[4,["dancing slowly"]]' ]
    [[ $(reasons set) == *"clip 3|unreadable|clips/gone_000001_000011.mp4 cannot be opened"* ]]
    coca-pack extract set 0 | grep -qx one
}

@test "kinetics: lines of a path, which may have blanks, and a class" {
    mkdir -p clips
    echo one >"clips/a b.mp4"
    echo two >clips/c.avi
    printf 'a b.mp4 7\nc.avi 0\nd.mp4\n' >list
    coca-pack pack --from kinetics list --images-root clips --no-verify --to set
    [ "$(coca-pack list set | cut -f2,4 | tr '\t\n' '= ')" = "a b.mp4=7 c.avi=0 " ]
    [[ $(reasons set) == *"line 3|unreadable|has no class behind a blank" ]]
}

@test "lists may name videos, which go into records unread" {
    tiny_pictures pictures 1
    echo clip >pictures/a.WEBM
    printf 'filepath,title\n00.png,a picture\na.WEBM,one\na.WEBM,two\nb.mp4,gone\n' >list.csv
    coca-pack pack --from csv list.csv --images-root pictures --no-verify --to set
    [ "$(record set 1 '[.video.bytes, .captions, .image]')" = '[5,["one","two"],null]' ]
    [ "$(record set 0 .image.format)" = '"png"' ]
    [[ $(reasons set) == *"pictures/b.mp4 cannot be opened"* ]]
    coca-pack extract set 0 | cmp - pictures/00.png
}

@test "moments: categories by their own numbers, of which none may be missing" {
    mkdir -p clips/adult+female+singing
    echo one >clips/adult+female+singing/a.mp4
    echo two >clips/b.mp4
    printf 'adult+female+singing,1\nyawning,0\n' >moments_categories.txt
    printf 'a.mp4,adult+female+singing,3,0\nb.mp4,yawning,3,0\nc.mp4,yawning,3,0\nd.mp4,other,1,1\n' >list.csv
    run coca-pack pack --from moments list.csv --images-root clips --no-verify --to set
    [[ $output == *"2 categories"* && $output == *"2 of 4 videos are there"* ]]
    [ "$(coca-pack list set | cut -f2,4,5 | tr '\t\n' '= ')" = "a.mp4=1=adult female singing b.mp4=0=yawning " ]
    [ "$(tr '\n' , <set/classnames.txt)" = "yawning,adult female singing," ]
    printf 'adult+female+singing,2\nyawning,0\n' >short.txt
    run coca-pack pack --from moments list.csv --images-root clips --class-map short.txt --to no
    [ "$status" -eq 3 ]
    [[ $output == *"none has the number 1"* ]]
}

@test "msrvtt: all captions of a video, one split of the document, and the lists of 1k-A" {
    mkdir videos
    for i in 0 1 2; do echo $i >videos/video$i.mp4; done
    jq -n '{videos: [{video_id: "video0", split: "train"}, {video_id: "video1", split: "test"}, {video_id: "video2", split: "train"},
        {video_id: "video3", split: "train"}],
        sentences: [{video_id: "video0", caption: "a", sen_id: 0}, {video_id: "video1", caption: "b", sen_id: 1},
        {video_id: "video0", caption: "c", sen_id: 2}, {video_id: "video2", caption: "d", sen_id: 3}]}' >data.json
    run coca-pack pack --from msrvtt data.json --images-root videos --split train --no-verify --to full
    [[ $output == *"2 of 3 videos are there"* ]]
    [ "$(coca-pack list full | cut -f2,6 | tr '\t\n' '=,')" = "video0=a | c,video2=d," ]
    printf 'key,vid_key,video_id,sentence\nret0,msr0,video1,"b, in quotes"\n' >test.csv
    coca-pack pack --from msrvtt test.csv --images-root videos --no-verify --to test
    [ "$(record test 0 '[.id, .captions]')" = '["video1",["b, in quotes"]]' ]
    printf 'video_id\nvideo0\nvideo2\n' >train.csv
    coca-pack pack --from msrvtt train.csv --annotations data.json --images-root videos --no-verify --to train
    [ "$(record train 0 .captions)" = '["a","c"]' ]
    run coca-pack pack --from msrvtt train.csv --images-root videos --to no
    [ "$status" -eq 2 ]
}

# class_folder FOLDER NUMBER: a folder that is a class, with one picture.
class_folder() {
    mkdir -p "$1"
    cp "pictures/0$2.png" "$1/x.png"
}
classes_of() { coca-pack list "$1" | cut -f2,4,5 | tr '\t\n' '=,'; }

@test "classes: synsets that are there, sorted, with their words; two of one name stay two" {
    tiny_pictures pictures 4
    class_folder r/n03 0
    class_folder r/n01 1
    class_folder r/n02 2
    printf 'n01 sunglasses\nn02 great white shark\nn03 sunglasses\nn04 not here\n' >words.txt
    coca-pack pack --from folder r --classes synset --class-map words.txt --to set
    [ "$(classes_of set)" = "n01/x=0=sunglasses,n02/x=1=great white shark,n03/x=2=sunglasses," ]
    [ "$(tr '\n' , <set/classnames.txt)" = "sunglasses,great white shark,sunglasses," ]
    printf 'n01\nn03\n' >kept.txt
    coca-pack pack --from folder r --classes synset --class-map words.txt --keep-classes kept.txt --to subset
    [ "$(classes_of subset)" = "n01/x=0=sunglasses,n03/x=1=sunglasses," ]
    [[ $(reasons subset) == *'its folder "n02" is of no class that is wanted' ]]
    printf 'one\ntwo\nthree\n' >three.txt
    coca-pack pack --from folder r --classes synset --class-names three.txt --to named
    [ "$(classes_of named)" = "n01/x=0=one,n02/x=1=two,n03/x=2=three," ]
    run coca-pack pack --from folder r --classes synset --class-names words.txt --to no
    [ "$status" -eq 3 ]
    [[ $output == *"its folders are 3 classes, and --class-names has 4 names"* ]]
    class_folder r/n05 3
    run coca-pack pack --from folder r --classes synset --class-map words.txt --to no
    [ "$status" -eq 3 ]
    [[ $output == *"r/n05: words.txt has no line"* ]]
    coca-pack pack --from folder r --classes synset --to plain
    [ "$(classes_of plain)" = "n01/x=0=n01,n02/x=1=n02,n03/x=2=n03,n05/x=3=n05," ]
}

@test "classes: folders that are numbers are those classes, not their places" {
    tiny_pictures pictures 4
    class_folder v2/9 0
    class_folder v2/10 1
    class_folder v2/0 2
    seq -f 'name %g' 0 11 >names.txt
    coca-pack pack --from folder v2 --classes number --class-names names.txt --to set
    [ "$(classes_of set)" = "0/x=0=name 0,10/x=10=name 10,9/x=9=name 9," ]
    cmp names.txt set/classnames.txt
    class_folder v2/n01 3
    run coca-pack pack --from folder v2 --classes number --to no
    [ "$status" -eq 3 ]
}

@test "classes: by label, several folders one class, others left out, written small, without their border" {
    tiny_pictures pictures 5
    class_folder o/alarm_clock 0
    class_folder o/big_clock 1
    class_folder o/banana 2
    class_folder o/zipper 3
    cp pictures/04.png o/astray.png
    jq -n '{alarm_clock: "Alarm clock", big_clock: "Alarm clock", banana: "Banana", zipper: "Zipper"}' >folders.json
    jq -n '{Banana: "banana", "Alarm clock": "analog clock; digital clock"}' >imagenet.json
    coca-pack pack --from folder o --classes name --class-map folders.json --keep-classes imagenet.json --crop-border 2 --to set
    [ "$(classes_of set)" = "alarm_clock/x=0=alarm clock,banana/x=1=banana,big_clock/x=0=alarm clock," ]
    [ "$(tr '\n' , <set/classnames.txt)" = "alarm clock,banana," ]
    [ "$(record set 0 '[.image.format, .image.width, .image.height]')" = '["png",8,6]' ]
    [ "$(reasons set | grep -c 'no class that is wanted\|no folder that is a class')" -eq 2 ]
    run coca-pack pack --from folder o --classes name --class-map folders.json --crop-border 5 --to no
    [ "$status" -eq 3 ]
    [[ $output == *"picture does not decode: 4"* ]]
    run coca-pack pack --from csv list.csv --classes name --to no
    [ "$status" -eq 2 ]
}

# framed FILE BORDER: an idx file with one grey picture, 1 to 6 in two rows of three within a border of zeros.
framed() {
    local y x border=$2 width=$((3 + 2 * $2)) height=$((2 + 2 * $2)) row=()
    for ((y = 0; y < height; y++)); do
        for ((x = 0; x < width; x++)); do
            ((y >= border && y < border + 2 && x >= border && x < border + 3)) &&
                row+=($(((y - border) * 3 + x - border + 1))) || row+=(0)
        done
    done
    { bytes 0 0 8 3 0 0 0 1 0 0 0 $height 0 0 0 $width; bytes "${row[@]}"; } >"$1-images-idx3-ubyte"
    bytes 0 0 8 1 0 0 0 1 0 >"$1-labels-idx1-ubyte"
}

@test "crop-border: what is left is what was within it" {
    framed wide 3
    framed thin 1
    coca-pack pack --from idx wide-images-idx3-ubyte --crop-border 3 --to wide
    coca-pack pack --from idx thin-images-idx3-ubyte --crop-border 1 --to thin
    [ "$(record wide 0 '[.image.width, .image.height]')" = '[3,2]' ]
    cmp <(coca-pack extract wide 0) <(coca-pack extract thin 0)
    coca-pack pack --from dataset wide --crop-border 0 --to same
    cmp <(coca-pack extract wide 0) <(coca-pack extract same 0)
}

@test "nocaps: COCO's layout, and the domains of its images are told apart when captions are judged" {
    tiny_pictures pictures 3
    jq -n '{images: [range(3) | {id: ., file_name: "0\(.).png", open_images_id: "x\(.)", domain: ["in-domain", "out-domain"][. % 2]}],
        annotations: [range(6) | {id: ., image_id: (. % 3), caption: "a frog of number \(.)"}]}' >nocaps.json
    coca-pack pack --from coco nocaps.json --images-root pictures --to set
    [ "$(record set 1 '[.id, .captions]')" = '["1",["a frog of number 1","a frog of number 4"]]' ]
    coca-pack list set | jq -Rn '[inputs | split("\t") | {image_id: (.[1] | tonumber), caption: "a frog of number 1"}]' >said.json
    coca-score metrics --references nocaps.json --results said.json --domains 2>/dev/null >scores.json
    jq -e '(.["in-domain"].Bleu_1 // ."in-domain" | . != null) and (keys | contains(["in-domain", "out-domain"]))' scores.json
}

# comes_back SET [OPTION ...]: goes out as a tar and comes back equal, whatever order its members are in.
comes_back() {
    local fingerprint way
    rm -rf tar.members tar.*.set
    fingerprint=$(coca-pack show "$1" | jq .fingerprint)
    mkdir tar.members
    coca-pack export "$1" --tar - | tee tar.tar | tar x -C tar.members
    tar cf tar.sorted.tar --sort=name -C tar.members .
    for way in tar.tar tar.sorted.tar; do
        coca-pack pack --from tar $way --no-verify "${@:2}" --to $way.set
        [ "$(coca-pack show $way.set | jq .fingerprint)" = "$fingerprint" ]
    done
}

@test "a tar: a dataset of each task goes out and comes back with the same fingerprint" {
    vqa_set
    coca-pack pack --from vqa questions.json --annotations annotations.json --min-answers 1 --to vqa
    [ "$(record vqa 1 .answer)" = '"two"' ]
    comes_back vqa --min-answers 1
    cmp vqa/answers.txt tar.tar.set/answers.txt
    coca-pack verify tar.tar.set
    jq -n '[range(2) | {images: ["0\(.).png", "02.png"], sentence: "Both.", label: "False"}]' >pairs.json
    coca-pack pack --from lavis pairs.json --images-root pictures --to pairs
    comes_back pairs
    comes_back pairs --class-names pairs/classnames.txt
    jq -n '[{image: "00.png", sentence: "A dog.", label: "entailment"}]' >ve.json
    coca-pack pack --from lavis ve.json --images-root pictures --to ve
    comes_back ve
    jq -c -n '{filepath: "00.png", title: ["two\nlines", "one"]}, {filepath: "01.png", title: "a \\x5c b"}' >list.jsonl
    coca-pack pack --from jsonl list.jsonl --images-root pictures --to captions
    [ "$(record captions 0 .captions[0])" = '"two\nlines"' ]
    comes_back captions
    tiny_idx 3
    coca-pack pack --from idx pictures-idx3-ubyte --labels labels-idx1-ubyte --to idx
    comes_back idx
}

@test "a tar: videos, one beside a picture, several pictures of unlike kinds, names of any bytes come back" {
    tiny_pictures pictures 2
    mkdir clips
    printf '\0\0\0\030ftypisom\0\0\0\0isommp41' >clips/a.mp4
    echo "no container" >$'clips/b\xe9\\x41.mp4'
    for name in clips/*; do echo "a clip" >"${name%.*}.txt"; done
    coca-pack pack --from folder clips --no-verify --to clips.set
    [ "$(record clips.set 0 .video.container)" = '"mp4"' ]
    comes_back clips.set
    coca-pack export clips.set --tar - --limit 1 | tar x
    cp pictures/00.png 000000000.png
    tar cf both.tar 000000000.*
    coca-pack pack --from tar both.tar --no-verify --to both
    [ "$(record both 0 '[.image.format, .video.container, .id]')" = '["png","mp4","a"]' ]
    comes_back both
    cp pictures/00.png 000000000.0.png
    cp pictures/01.png 000000000.11.png
    tar cf holes.tar 000000000.*
    run coca-pack pack --from tar holes.tar --no-verify --to holes
    [ "$status" -eq 3 ]
    [[ $output == *"it has 12 pictures, of which picture 1 is missing or too large"* ]]
    seq 1 10 | while read -r i; do cp pictures/01.png 000000000.$i.png; done
    cp pictures/00.png 000000000.2.png
    tar cf many.tar 000000000.*
    coca-pack pack --from tar many.tar --no-verify --to many
    for i in 0:00 1:01 2:00 10:01; do coca-pack extract many 0 --picture ${i%:*} | cmp - pictures/${i#*:}.png; done
    comes_back many
}

@test "a tar of others stays what it was: one picture or video, its own id, its json unread, keys that are asked for" {
    tiny_pictures pictures 2
    mkdir others
    cp pictures/00.png others/7.png
    printf '\0\0\0\030ftypisom\0\0\0\0isommp41' | tee others/7.mp4 >others/8.mp4
    echo "a text" | tee others/7.txt >others/8.txt
    cp pictures/01.png others/7.0.png
    echo '{"id": "x", "captions": ["y"], "question": "z", "format": "another"}' | tee others/7.json >others/8.json
    tar cf others.tar --sort=name -C others .
    coca-pack pack --from tar others.tar --no-verify --to set
    [ "$(record set 0 '[.id, .image.format, .video, .images, .captions, .question]')" = '["./7","png",null,null,["a text"],null]' ]
    [ "$(record set 1 '[.video.container, .image]')" = '["mp4",null]' ]
    jq -n '[{images: ["00.png", "01.png"], sentence: "Both.", label: "False"}]' >pairs.json
    coca-pack pack --from lavis pairs.json --images-root pictures --to pairs
    coca-pack export pairs --tar pairs.tar
    coca-pack pack --from tar pairs.tar --image-key 1.png --to one
    coca-pack extract one 0 | cmp - pictures/01.png
    [ "$(record one 0 '[.images, .question]')" = '[null,"Both."]' ]
}

@test "list: the question and its answers in columns behind the others, where the dataset has them" {
    vqa_set
    coca-pack pack --from vqa questions.json --annotations annotations.json --min-answers 1 --to set
    [ "$(coca-pack list set --limit 1 | cut -f7-)" = $'Is it red?\tYes | Yes | Yes | Yes | Yes | Yes | Yes | Yes | Yes | Yes' ]
    coca-pack pack --from vqa questions.json --to test
    [ "$(coca-pack list test | sed -n 2p | cut -f7-)" = "How many?" ]
    [ "$(coca-pack list test | awk -F'\t' '{print NF}' | sort -u)" = 7 ]
    rm -r pictures tiny-pictures.set
    tiny_captioned captions 2
    [ "$(coca-pack list captions | awk -F'\t' '{print NF}' | sort -u)" = 6 ]
}

@test "answers: the list of several datasets counts the questions of all, by the answer that stands for all" {
    vqa_set
    jq '.questions |= map(.question_id += 1)' questions.json >val.json
    jq '.annotations |= map(.question_id += 1)' annotations.json >val.answers
    coca-pack pack --from vqa questions.json --annotations annotations.json --min-answers 1 --to train
    coca-pack pack --from vqa val.json --annotations val.answers --limit 2 --min-answers 1 --to val
    coca-pack answers train val --min-answers 2 >both.txt
    printf '%s\n' 2 yes | cmp - both.txt
    coca-pack answers train val --min-answers 1 >all.txt
    coca-pack pack --from vqa questions.json::val.json --annotations annotations.json::val.answers --limit 5 --min-answers 1 --to joined
    cmp all.txt joined/answers.txt
    coca-pack pack --from dataset train val --min-answers 1 --to again
    cmp all.txt again/answers.txt
    run coca-pack answers train
    [ "$status" -eq 3 ]
    [[ $output == *"no answer is that of 9 questions"* ]]
    run coca-pack answers
    [ "$status" -eq 2 ]
    jq '.annotations[0].answers |= map(.answer = "tie \(.answer_id % 2)") | .annotations[0].multiple_choice_answer = "tie 0"' \
        annotations.json >tie.json
    coca-pack pack --from vqa questions.json --annotations tie.json --min-answers 1 --to tie
    coca-pack answers tie --min-answers 1 | grep -qx 'tie 0'
}

@test "classes: of pictures in one folder, by a list of names and synsets, as Kaggle has it" {
    tiny_pictures pictures 4
    for i in 0 1 2 3; do mv pictures/0$i.png pictures/ILSVRC2012_val_0000000$i.JPEG; done
    printf 'ImageId,PredictionString\r\n' >solution.csv
    printf 'ILSVRC2012_val_0000000%s\r\n' '2,n03 85 1 499 272 n03 1 2 3 4 ' '0,n03 1 2 3 4 ' '1,n01 1 2 3 4 ' >>solution.csv
    printf 'n01 great white shark\nn02 not here\nn03 sunglasses\n' >words.txt
    coca-pack pack --from folder pictures --classes synset --file-classes solution.csv --class-map words.txt --to set
    [ "$(coca-pack list set | cut -f2,4,5 | sed 's/.*val_0*//' | tr '\t\n' '=,')" = "=1=sunglasses,1=0=great white shark,2=1=sunglasses," ]
    [ "$(tr '\n' , <set/classnames.txt)" = "great white shark,sunglasses," ]
    [[ $(reasons set) == *'ILSVRC2012_val_00000003.JPEG|unreadable|has no line in the list of classes' ]]
    sed '1d; s/,/.JPEG\t/' solution.csv >solution.tsv
    coca-pack pack --from folder pictures --classes synset --file-classes solution.tsv --class-map words.txt --to tabs
    cmp set/dataset.json tabs/dataset.json
    echo n03 >kept.txt
    coca-pack pack --from folder pictures --classes synset --file-classes solution.csv --keep-classes kept.txt --to kept
    [[ $(reasons kept) == *'its name "n01" is of no class that is wanted'* ]]
    printf 'one\n' >one.txt
    run coca-pack pack --from folder pictures --classes synset --file-classes solution.csv --class-names one.txt --to no
    [ "$status" -eq 3 ]
    [[ $output == *"solution.csv: its names are 2 classes, and --class-names has 1 names"* ]]
    run coca-pack pack --from folder pictures --classes number --file-classes solution.csv --to no
    [ "$status" -eq 3 ]
    [[ $output == *"solution.csv/n01: its name is no number; --classes synset or name takes such names"* ]]
    run coca-pack pack --from folder pictures --file-classes solution.csv --to no
    [ "$status" -eq 2 ]
    echo 'ILSVRC2012_val_00000001 n02' >>solution.csv
    run coca-pack pack --from folder pictures --classes synset --file-classes solution.csv --to no
    [ "$status" -eq 3 ]
    [[ $output == *"solution.csv: the picture ILSVRC2012_val_00000001 stands in it twice"* ]]
}

@test "classes: of pictures in one folder, by a list of classes alone, as the devkit has it" {
    tiny_pictures pictures 3
    echo no picture >pictures/README
    printf '490\n1\n490\n' >truth.txt
    printf '1 n02119789\n2 n0\n490 n01440764\n' >ids.txt
    coca-pack pack --from folder pictures --classes name --class-map ids.txt --file-classes truth.txt --to set
    [ "$(classes_of set)" = "00=0=n01440764,01=1=n02119789,02=0=n01440764," ]
    printf 'tench\nkit fox\n' >names.txt
    coca-pack pack --from folder pictures --classes name --class-map ids.txt --file-classes truth.txt --class-names names.txt --to named
    [ "$(classes_of named)" = "00=0=tench,01=1=kit fox,02=0=tench," ]
    printf '2\n1\n2\n' >numbers.txt
    coca-pack pack --from folder pictures --classes number --file-classes numbers.txt --to numbers
    [ "$(classes_of numbers)" = "00=2=,01=1=,02=2=," ]
    rm pictures/01.png
    run coca-pack pack --from folder pictures --classes number --file-classes numbers.txt --to no
    [ "$status" -eq 3 ]
    [[ $output == *"numbers.txt: has 3 classes without names, and pictures 2 pictures"* ]]
    printf '00 1\n2\n' >mixed.txt
    run coca-pack pack --from folder pictures --classes number --file-classes mixed.txt --to no
    [ "$status" -eq 3 ]
    [[ $output == *"mixed.txt: line 2: some lines have"* ]]
    printf '\n' >none.txt
    run coca-pack pack --from folder pictures --classes number --file-classes none.txt --to no
    [ "$status" -eq 3 ]
}
