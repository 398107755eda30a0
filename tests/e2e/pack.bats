#!/usr/bin/env bats
# coca-pack: pictures with texts into datasets, looks inside them, and back.

load tiny

setup() { tiny_setup; }
teardown() { tiny_teardown; }

captions() { coca-pack list "$1" --captions; }
listed() { grep -c "$2" "$1/dropped.jsonl"; }

# small_set: the folder `pictures` with 00.png … 09.png and a caption each.
small_set() {
    local i
    tiny_pictures pictures 10
    for i in pictures/*.png; do echo "picture ${i//[^0-9]/}" >"${i%png}txt"; done
}

@test "pack: a folder becomes a dataset, and every picture comes out as it went in" {
    small_set
    coca-pack pack --from folder pictures --to set
    [ "$(coca-pack list set | cut -f1,2,6 | sed -n 4p)" = $'3\t03\tpicture 03' ]
    [ "$(coca-pack show set | jq -c '[.records, .shards, .fields]')" = '[10,1,["image","captions","id"]]' ]
    [ "$(coca-pack show set 3 | jq -c '[.id, .image.format, .image.width, .image.height, .captions]')" = \
        '["03","png",12,10,["picture 03"]]' ]
    for i in {0..9}; do coca-pack extract set "$i" | cmp - "pictures/0$i.png"; done
    coca-pack extract set 9 --to 9.png
    cmp 9.png pictures/09.png
    [ ! -e set/dropped.jsonl ]
}

@test "pack: options without a command are pack's" {
    small_set
    coca-pack --from folder --to set pictures
    coca-pack verify set
}

@test "pack: workers and shards do not change the records" {
    small_set
    for workers in 1 4; do coca-pack pack --from folder pictures --workers $workers --to set.$workers; done
    cmp set.1/dataset.json set.4/dataset.json
    cmp set.1/00000.lmdb set.4/00000.lmdb
    coca-pack pack --from folder pictures --shard-records 3 --to shards
    [ "$(echo shards/*.lmdb)" = "shards/00000.lmdb shards/00001.lmdb shards/00002.lmdb shards/00003.lmdb" ]
    diff <(coca-pack list set.1) <(coca-pack list shards)
    coca-pack verify shards
}

@test "pack: what is not fit is left out by name and reason, the rest stays" {
    small_set
    : >pictures/00.png
    truncate -s 60 pictures/01.png
    echo "not a picture" >pictures/02.png
    printf '\x00\x00\xff\xff\x00\x00\xff\xff' | dd of=pictures/03.png bs=1 seek=16 conv=notrunc status=none
    printf ' \n' >pictures/04.txt
    printf 'caf\xe9\n' >pictures/05.txt
    rm pictures/06.txt
    printf 'good\n\xff\xfe\n' >pictures/07.txt
    coca-pack pack --from folder pictures --to set
    [ "$(captions set | tr '\n' ,)" = "good,picture 08,picture 09," ]
    [ "$(wc -l <set/dropped.jsonl)" -eq 8 ]
    reason() { jq -r 'select(.name == "pictures/'$1'.png").reason' set/dropped.jsonl; }
    [ "$(reason 00)" = "no picture" ]
    for i in 01 02 03; do [ "$(reason $i)" = "picture does not decode" ]; done
    [ "$(jq -r 'select(.detail).detail' set/dropped.jsonl | grep -c '[a-z]')" -eq 4 ]
    [ "$(reason 04)" = "empty text" ]
    [ "$(reason 05)" = "text is not UTF-8" ]
    [ "$(reason 06)" = "no caption, label or class" ]
    [ "$(jq -c 'select(.name == "pictures/07.png") | [.reason, .captions]' set/dropped.jsonl)" = \
        '["text is not UTF-8",1]' ]
    coca-pack verify set
}

# stand_in NUMBER BYTES: a picture's file with a text beside it that holds something else.
stand_in() {
    printf "$2" >"pictures/$1.png"
    echo "text $1" >"pictures/$1.txt"
}

@test "pack: what stands in a picture's place is named by what it is, with the remedy" {
    small_set
    stand_in 00 ''
    stand_in 01 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n'
    stand_in 02 '/annex/objects/SHA256E-s9--00.png\n'
    stand_in 03 '<!DOCTYPE html>\n<title>404</title>\n'
    stand_in 04 'GIF89a\1\0\1\0'
    stand_in 05 '\0\0\0\0\0\0\0\0\0\0\0\0'
    stand_in 06 '\0\0\0\040ftypavif\0\0\0\0'
    coca-pack pack --from folder pictures --to set
    detail() { jq -r 'select(.name == "pictures/'$1'.png").detail' set/dropped.jsonl; }
    [[ $(detail 00) == "its file is empty" ]]
    [[ $(detail 01) == *"Git LFS pointer (git lfs pull"* ]]
    [[ $(detail 02) == *"git-annex pointer (git annex get"* ]]
    [[ $(detail 03) == *"HTML page"* ]]
    [[ $(detail 04) == *"GIF"* ]]
    [[ $(detail 05) == *"zero bytes"* ]]
    [[ $(detail 06) == *"AVIF"* ]]
    [ "$(coca-pack list set | wc -l)" -eq 3 ]
}

@test "pack: when nothing is fit there is no dataset, exit 3" {
    small_set
    for i in pictures/*.png; do truncate -s 50 "$i"; done
    run coca-pack pack --from folder pictures --to set
    [ "$status" -eq 3 ]
    [[ $output == *"picture does not decode: 10"* ]]
    [ ! -e set ] && [ ! -e set.tmp ]
}

@test "pack: keys that match nothing are exit 3 with the keys seen" {
    small_set
    mkdir renamed
    for i in {0..9}; do cp pictures/0$i.png renamed/0$i.input.png; cp pictures/0$i.txt renamed/0$i.outputs.txt; done
    tar -C renamed -cf renamed.tar --sort=name .
    run coca-pack pack --from tar renamed.tar --to set
    [ "$status" -eq 3 ]
    [[ $output == *"input.png, outputs.txt"* ]]
    [ ! -e set ] && [ ! -e set.tmp ]
    coca-pack pack --from tar renamed.tar --image-key input.png --caption-key outputs.txt --to set
    [ "$(captions set | sed -n 10p)" = "picture 09" ]
}

@test "pack: every k-th sample is held out" {
    small_set
    coca-pack pack --from folder pictures --hold-out 5 --held-out-to test --to train
    [ "$(captions test | tr '\n' ,)" = "picture 04,picture 09," ]
    [ "$(captions train | wc -l)" -eq 8 ]
    run coca-pack pack --from folder pictures --hold-out 5 --to other
    [ "$status" -eq 2 ]
    run coca-pack pack --from folder pictures --hold-out 100 --held-out-to other-test --to other
    [ "$status" -eq 0 ]
    [[ $output == *"there are only 10 samples, so none is held out"* ]]
    [ "$(captions other | wc -l)" -eq 10 ]
    [ ! -e other-test ] && [ ! -e other-test.tmp ]
    run coca-pack pack --from folder pictures --hold-out 100 --held-out-to test --to train --replace
    [ "$status" -eq 3 ]
    [[ $output == *"test is of before"* ]]
    [ "$(captions train | wc -l)" -eq 8 ]
    [ ! -e train.tmp ] && [ ! -e test.tmp ]
}

@test "pack: rows of a picture are one record, which is held out or not" {
    small_set
    echo image,caption >list.csv
    for i in pictures/*.png; do for c in 1 2 3; do echo "$i,caption $c of $i" >>list.csv; done; done
    keys=(--image-key image --caption-key caption)
    coca-pack pack --from csv list.csv "${keys[@]}" --hold-out 5 --held-out-to test --to train
    [ "$(coca-pack list test | cut -f2 | tr '\n' ' ')" = "pictures/04.png pictures/09.png " ]
    [ "$(captions train | wc -l)" -eq 24 ]
    [ "$(coca-pack show test 0 | jq -c .captions)" = \
        '["caption 1 of pictures/04.png","caption 2 of pictures/04.png","caption 3 of pictures/04.png"]' ]
    coca-pack pack --from csv list.csv "${keys[@]}" --no-group --to rows
    [ "$(coca-pack list rows | wc -l)" -eq 30 ]
}

@test "pack: what would be cut or altered is left out by name" {
    small_set
    printf 'filepath,title\npictures/00.png,a dog, running\npictures/01.png,"a cat, blue",,\npictures/02.png,x\0y\n' >list.csv
    coca-pack pack --from csv list.csv --to csv
    [ "$(captions csv)" = "a cat, blue" ]
    [ "$(jq -r .name csv/dropped.jsonl | tr '\n' ' ')" = "list.csv: line 2 list.csv: line 4 " ]
    [[ $(jq -r .reason csv/dropped.jsonl) == *"text holds NUL bytes"* ]]
    (cd pictures && tar cf ../twice.tar --hard-dereference 00.png 00.txt 00.png 01.txt 02.png 02.txt)
    coca-pack pack --from tar twice.tar --to twice
    [ "$(captions twice)" = "picture 02" ]
    [ "$(jq -r .name twice/dropped.jsonl | tr '\n' ' ')" = "twice.tar: 00 twice.tar: 01 " ]
}

@test "pack: class names are lines whatever they hold, or a JSON list" {
    tiny_idx 3
    printf '\xef\xbb\xbf$\r\n#\r\n%%\r\n' >lines
    echo '["$", "#", "%"]' >list.JSON
    for names in lines list.JSON; do
        coca-pack pack --from idx pictures-idx3-ubyte --labels labels-idx1-ubyte --class-names $names --to set --replace
        [ "$(coca-pack list set | cut -f5 | tr '\n' ' ')" = '$ # % ' ]
    done
    printf 'a\n\nb\n' >gap
    run coca-pack pack --from idx pictures-idx3-ubyte --labels labels-idx1-ubyte --class-names gap --to none
    [ "$status" -eq 3 ]
    [[ $output == *"gap: line 2 is empty"* ]]
}

@test "pack: names of any bytes are ids that Python reads" {
    small_set
    cp pictures/00.png $'caf\xe9.png'
    cp pictures/00.txt $'caf\xe9.txt'
    cp pictures/01.png $'gone\xe9.png'
    tar cf names.tar ./*.png ./*.txt --sort=name
    mkdir named
    mv ./*.png ./*.txt named
    coca-pack pack --from folder named --to set
    [ "$(coca-pack list set | cut -f2)" = 'caf\xe9' ]
    [ "$(jq -r .name set/dropped.jsonl)" = 'named/gone\xe9.png' ]
    coca-pack verify set
    python3 -c "import lmdb, msgpack" 2>/dev/null || skip "python3 has no lmdb or msgpack"
    sed -n '/^```python$/,/^```$/p' "$BATS_TEST_DIRNAME/../../data/README.md" | sed '/^```/d; s:data/clipart/train:set:' >read.py
    [[ $(python3 read.py) == *"caf\\xe9"*"picture 00"* ]]
}

@test "pack: pictures are shrunk to a short side, and left out when too large" {
    small_set
    sizes() { for i in {0..9}; do coca-pack show "$1" "$i" | jq -c '[.image.format, .image.width, .image.height]'; done; }
    coca-pack pack --from folder pictures --resize 5 --to png
    [ "$(sizes png | sort -u)" = '["png",6,5]' ]
    coca-pack pack --from folder pictures --resize 5 --quality 90 --to jpeg
    [ "$(sizes jpeg | sort -u)" = '["jpeg",6,5]' ]
    coca-pack pack --from folder pictures --resize 10 --quality 90 --to same
    coca-pack extract same 3 | cmp - pictures/03.png
    coca-pack pack --from folder pictures --max-pixels 120 --to all
    [ "$(captions all | wc -l)" -eq 10 ]
    run coca-pack pack --from folder pictures --max-pixels 119 --to none
    [ "$status" -eq 3 ]
    [[ $output == *"too many pixels"* ]]
}

@test "pack: files above --max-picture-bytes are left out by name, of folders and tars" {
    small_set
    truncate -s 300M pictures/03.png
    coca-pack pack --from folder pictures --to set 2>words
    [ "$(coca-pack list set | wc -l)" -eq 9 ]
    grep -q '03.png has 314572800 bytes, more than 268435456 (--max-picture-bytes)' set/dropped.jsonl
    rm pictures/03.*
    head -c 3000 /dev/zero >>pictures/05.png
    tar -cf shard.tar --sort=name -C pictures .
    coca-pack pack --from tar shard.tar --max-picture-bytes 3000 --to tar 2>words
    [ "$(coca-pack list tar | wc -l)" -eq 8 ]
    grep -q 'its png has more than 3000 bytes (--max-picture-bytes)' tar/dropped.jsonl
}

@test "pack: class names become labels" {
    tiny_labelled set 7
    [ "$(coca-pack show set 5 | jq -c '[.class, .labels]')" = '[2,["blue frog"]]' ]
    coca-pack verify set
}

@test "pack: CSV, TSV, JSON lines and COCO lists" {
    small_set
    printf 'filepath,title,tags\npictures/00.png,"one, two",x\npictures/01.png,three,\n' >list.csv
    coca-pack pack --from csv list.csv --caption-key "title;tags" --to csv
    [ "$(captions csv | tr '\n' '|')" = "one, two|x|three|" ]
    printf 'words\timage\na b\t02.png\n' >list.tsv
    coca-pack pack --from csv list.tsv --image-key image --caption-key words --images-root pictures --to tsv
    [ "$(captions tsv)" = "a b" ]
    printf '{"filepath": "pictures/03.png", "title": ["p", "q"]}\n' >list.jsonl
    coca-pack pack --from jsonl list.jsonl --to jsonl
    [ "$(captions jsonl | tr '\n' '|')" = "p|q|" ]
    printf '{"images": [{"id": 5, "file_name": "04.png"}], "annotations": [{"image_id": 5, "caption": "c"}]}' >coco.json
    coca-pack pack --from coco coco.json --images-root pictures --to coco
    [ "$(coca-pack list coco | cut -f2,6)" = $'5\tc' ]
}

@test "pack: a tar goes out and comes back, through pipes and as shards" {
    tiny_captioned set 6
    coca-pack export set --tar set.tar
    [ "$(tar -tf set.tar | sed -n 5,6p | tr '\n' ' ')" = "000000001.txt 000000001.json " ]
    coca-pack export set --tar - | gzip | coca-pack pack --from tar - --to again
    diff <(coca-pack list set | cut -f3-) <(coca-pack list again | cut -f3-)
    coca-pack export set --tar s00.tar --limit 3
    coca-pack export set --tar s01.tar --first 3
    coca-pack pack --from tar 's{00..01}.tar' --json-text-key captions --to shards
    diff <(coca-pack list set | cut -f3-) <(coca-pack list shards | cut -f3-)
    tiny_labelled labelled 4
    coca-pack export labelled --tar - | coca-pack pack --from tar - --class-names classes.txt --to back
    diff <(coca-pack list labelled | cut -f3-) <(coca-pack list back | cut -f3-)
}

@test "pack: a tar root of CLIP_benchmark brings its lists along, or there is no dataset" {
    small_set
    coca-pack pack --from folder pictures --to set
    mkdir -p wds/test
    coca-pack export set --tar wds/test/0.tar
    echo 1 >wds/test/nshards.txt
    echo retrieval >wds/dataset_type.txt
    coca-pack pack --from clip-benchmark wds --to a --hold-out 5 --held-out-to b
    cmp wds/dataset_type.txt a/dataset_type.txt
    cmp wds/dataset_type.txt b/dataset_type.txt
    ln -s /dev/null wds/classnames.txt # which cannot be copied
    run coca-pack pack --from clip-benchmark wds --to c --hold-out 5 --held-out-to d
    [ "$status" -eq 3 ]
    [ ! -e c ] && [ ! -e d ] && [ ! -e c.tmp ] && [ ! -e d.tmp ]
}

@test "pack: a tar that is cut is exit 3 and leaves nothing" {
    tiny_captioned set 6
    coca-pack export set --tar set.tar
    truncate -s 3000 set.tar
    run coca-pack pack --from tar set.tar --to again
    [ "$status" -eq 3 ]
    [ ! -e again ] && [ ! -e again.tmp ]
}

@test "pack: datasets are joined" {
    small_set
    coca-pack pack --from folder pictures --hold-out 3 --held-out-to b --to a
    coca-pack pack --from dataset a b --no-verify --to both
    [ "$(captions both | sort)" = "$(cat pictures/*.txt | sort)" ]
}

@test "pack: nothing that exists is lost" {
    small_set
    coca-pack pack --from folder pictures --to set
    run coca-pack pack --from folder pictures --limit 3 --to set
    [ "$status" -eq 2 ]
    [ "$(captions set | wc -l)" -eq 10 ]
    coca-pack pack --from folder pictures --limit 3 --replace --to set
    [ "$(captions set | wc -l)" -eq 3 ]
    run coca-pack pack --from folder set --to pictures --replace
    [ "$status" -eq 2 ]
    [ -e pictures/00.png ]
}

@test "pack: a full disk and an unwritable place are exit 1 and leave nothing" {
    small_set
    run bash -c "ulimit -f 8; trap '' XFSZ; coca-pack pack --from folder pictures --to set"
    [ "$status" -eq 1 ]
    [[ $output == *"cannot write"* ]]
    [ ! -e set ] && [ ! -e set.tmp ]
    run coca-pack pack --from folder pictures --to /proc/nowhere/set
    [ "$status" -eq 1 ]
}

@test "pack: a signal ends it with 128 + signal and leaves nothing" {
    tiny_captioned set 6
    mkfifo pipe
    coca-pack pack --from tar pipe --to again 3>&- &
    exec 7>pipe
    coca-pack export set --tar - >&7
    until [ -e again.tmp ]; do sleep 0.05; done
    kill -TERM $!
    coca-pack export set --tar - >&7 || true
    exec 7>&-
    status=0
    wait $! || status=$?
    [ "$status" -eq 143 ]
    [ ! -e again ] && [ ! -e again.tmp ]
}

@test "pack: verify finds a changed byte, a cut shard, and records that are not fit" {
    small_set
    coca-pack pack --from folder pictures --to set
    coca-pack verify set
    cp -r set changed
    offset=$(grep -abo 'picture 03' changed/00000.lmdb | head -n 1 | cut -d: -f1)
    printf 'P' | dd of=changed/00000.lmdb bs=1 seek="$offset" conv=notrunc status=none
    run coca-pack verify changed
    [ "$status" -eq 3 ]
    cp -r set cut
    truncate -s -1 cut/00000.lmdb
    run coca-pack verify cut
    [ "$status" -eq 3 ]
    [[ $output == *"00000.lmdb"* ]]
    truncate -s 60 pictures/04.png
    coca-pack pack --from folder pictures --no-verify --to unfit
    run coca-pack verify unfit
    [ "$status" -eq 3 ]
    [[ $output == *"record 4: picture does not decode"* ]]
}

@test "pack: what is no dataset, no record or no command is told" {
    small_set
    for command in list show verify; do
        run coca-pack $command pictures
        [ "$status" -eq 3 ]
        [[ $output == *"not a dataset"* ]]
    done
    coca-pack pack --from folder pictures --to set
    run coca-pack show set 10
    [ "$status" -eq 3 ]
    run coca-pack show set ten
    [ "$status" -eq 2 ]
    for arguments in "" "unpack" "pack --from folder pictures" "pack --to x pictures" "pack --from zip x --to y" \
        "pack --from folder --to y" "pack --form folder x --to y" "export set" "extract set"; do
        run coca-pack $arguments
        [ "$status" -eq 2 ]
    done
}

@test "pack: every command has a page, and a pipe that closes early is a clean end" {
    for command in pack formats list show extract verify export answers; do
        coca-pack --help | grep -q "^  $command "
        coca-pack $command --help | grep -q "^Usage: coca-pack $command"
    done
    coca-pack formats | grep -q "^tar "
    small_set
    coca-pack pack --from folder pictures --to set
    set -o pipefail
    coca-pack list set --captions | head -n 1
}

@test "pack: files in other formats are left out by name, by any suffix of a picture" {
    tiny_pictures small 2
    mkdir mixed
    cp small/00.png mixed/a.JFIF
    for name in GIF tiff heic; do printf 'GIF89a' >"mixed/$name-file.$name"; done
    for name in mixed/*; do echo "a bag" >"${name%.*}.txt"; done
    coca-pack pack --from folder mixed --to folder.set
    (cd mixed && tar cf ../mixed.tar -- *)
    coca-pack pack --from tar mixed.tar --to tar.set
    for set in folder tar; do
        [ "$(coca-pack list $set.set | cut -f2)" = a ]
        [ "$(grep -c 'but a GIF' $set.set/dropped.jsonl)" -eq 3 ]
    done
}
