#!/usr/bin/env bats
# What a run is given may be wrong in every way: each has its exit code and its message, and nothing on disk is harmed.

load fault.bash
bats_require_minimum_version 1.5.0
CAPTION=$BATS_TEST_DIRNAME/../../pipelines/caption.sh

# runs/base has 10 steps, with averages, and checkpoints 5 and 10.
setup_file() {
    fault_data
    train base --steps 10 --save-frequency 5 --ema-decay 0.9 --record images=images.rec --record tokens=tokens.rec
    tiny_model wide.json
    sed -i 's/"width": 16, "layers": 1, "head_width": 8/"width": 24, "layers": 1, "head_width": 8/' wide.json
}
setup() { fault_setup; }
teardown() {
    fault_teardown
    [[ ! -d small ]] || { umount small 2>/dev/null || true; rmdir small; }
}

# fails CODE TEXT COMMAND ...: it leaves with that code and says that text.
fails() {
    run "${@:3}"
    echo "$output"
    [ "$status" -eq "$1" ]
    [[ $output == *"$2"* ]]
}
# unharmed: runs/base is as it was made.
unharmed() { (cd runs && sha256sum -c --quiet ../base.sums); }
remember_base() { (cd runs && find base -type f ! -path '*/log/*' ! -name lock -exec sha256sum {} + >../base.sums); }

# --- Runs and options

@test "a directory that holds a run: both remedies are named" {
    remember_base
    fails 2 "--resume latest" train base --steps 12
    [[ $output == *"another --name"* ]]
    unharmed
}

@test "--resume latest without a run starts anew, with a note" {
    run resume fresh --steps 2
    [ "$status" -eq 0 ]
    [[ $output == *"note: --resume latest: no run in "*", starting anew"* ]]
    whole fresh 2
}

@test "--resume of a checkpoint that is not there, or is not the newest" {
    remember_base
    fails 2 "say latest, or step-N" train base --steps 12 --resume nonsense
    fails 3 "no such checkpoint" train base --steps 12 --resume step-11
    fails 2 "step-10 is newer" train base --steps 12 --resume step-5
    unharmed
}

@test "a run resumes only with the seed, model, data and precision that it was made with" {
    remember_base
    mkdir other
    (cd other && tiny_captioned ../other.set 5)
    fails 2 "--seed is 6 and was 5" resume base --steps 12 --ema-decay 0.9 --seed 6
    fails 2 "--batch-size is 8 and was 4" resume base --steps 12 --ema-decay 0.9 --batch-size 8
    fails 2 "--optimizer is \"adafactor\" and was \"adamw\"" resume base --steps 12 --ema-decay 0.9 --optimizer adafactor
    fails 2 "--precision is \"bf16\" and was \"fp32\"" resume base --steps 12 --ema-decay 0.9 --precision bf16
    fails 2 "the model changed" resume base --steps 12 --ema-decay 0.9 --model wide.json
    fails 2 "the data changed" resume base --steps 12 --ema-decay 0.9 --train-data other.set
    unharmed
}

@test "a dataset that changed under a run" {
    cp -r data.set moving.set
    train moving --train-data moving.set --steps 3
    rm -r moving.set
    mkdir moved
    (cd moved && tiny_captioned ../moving.set 5)
    fails 2 "the data changed since the run was made" resume moving --train-data moving.set --steps 5
    [ "$(newest_checkpoint moving)" -eq 3 ]
    whole moving 3
}

@test "an unknown option names the nearest" {
    fails 2 "did you mean --batch-size?" train unknown --steps 2 --batchsize 4
    fails 2 "did you mean --peer-timeout?" coca-decode --peer-timout 4
    [ ! -e runs/unknown ]
}

@test "values that cannot be" {
    fails 2 "--batch-size 4 is no multiple of --microbatch 3" train odd --steps 2 --microbatch 3
    fails 2 "--lr must be a number, not 'fast'" train odd --steps 2 --lr fast
    fails 2 "several were given" train odd --steps 2 --seconds 3
    fails 2 "--precision must be one of fp32|bf16" train odd --steps 2 --precision fp8
}

@test "a second script in the same run exits with 2, and the first does not notice" {
    train_in_background first --steps $UNTIL_TOLD
    reaches first 3
    fails 2 "is in use by another job" resume first --steps 5
    kill -TERM "$pid"
    leaves 143 15
    [ "$(newest_checkpoint first)" -eq "$(steps_of first)" ]
    whole first "$(steps_of first)"
}

# --- Models, weights, vocabularies

@test "weights and checkpoints of another model" {
    remember_base
    fails 2 "visual." train wrong --steps 2 --model wide.json --pretrained runs/base/model
    fails 2 "visual." train wrong-checkpoint --steps 2 --model wide.json --pretrained runs/base/checkpoints/step-10
    fails 2 "no such file or folder" train none --steps 2 --pretrained runs/none
    unharmed
}

@test "a model that is malformed" {
    printf '{"family": "paper", ' >cut.json
    fails 3 "cut.json:1:20: " train cut --steps 2 --model cut.json
    sed 's/"width": 16/"width": -16/' model.json >negative.json
    fails 2 'vision_cfg: "width" must be a whole number' train negative --steps 2 --model negative.json
    sed 's/"patch_size": 4/"patch_size": 3/' model.json >patches.json
    fails 2 "patch_size does not divide image_size: 8 is no multiple of 3, unlike 6 and 9" train patches --steps 2 --model patches.json
    sed 's/"family": "paper"/"family": "papier"/' model.json >family.json
    fails 2 'family "papier"' train family --steps 2 --model family.json
    fails 2 "no such file" train nowhere --steps 2 --model nowhere.json
    fails 2 "coca_tinny" train nowhere --steps 2 --model coca_tinny
}

@test "a vocabulary that does not fit the model, or is none" {
    sed 's/"vocab_size": 36/"vocab_size": 40/g' model.json >vocabulary.json
    fails 2 "vocabulary size is 36, the model's configuration says 40" train unfit --steps 2 --model vocabulary.json
    echo "not a vocabulary" >no.model
    fails 3 "no.model: not a vocabulary" train unfit --steps 2 --tokenizer no.model
    fails 3 "missing.model: cannot be opened" train unfit --steps 2 --tokenizer missing.model
}

# --- Checkpoints

@test "a checkpoint cut short, changed or gone at any file is told by name; the one before it serves" {
    local folder=runs/base/checkpoints/step-10 file name count=0
    remember_base
    for file in "$folder"/*; do
        name=$(basename "$file")
        cp "$file" kept
        truncate -s $(($(stat -c %s kept) / 2)) "$file"
        fails 3 "$name" resume base --steps 12 --ema-decay 0.9
        rm "$file"
        fails 3 "$name" resume base --steps 12 --ema-decay 0.9
        if [[ $name != manifest.json ]]; then # one bit
            cp kept "$file"
            printf '\377' | dd of="$file" bs=1 seek=$(($(stat -c %s kept) - 3)) conv=notrunc status=none
            fails 3 "$name" resume base --steps 12 --ema-decay 0.9
        fi
        cp kept "$file"
        count=$((count + 1))
    done
    [ "$count" -eq 10 ] # weights, optimizer and averages of three stages, and the manifest
    unharmed
    cp -r runs/base runs/older
    rm "runs/older/checkpoints/step-10/image.safetensors"
    fails 3 "image.safetensors" resume older --steps 12 --ema-decay 0.9
    rm -r runs/older/checkpoints/step-10 runs/older/model
    resume older --steps 10 --ema-decay 0.9
    diff <(numbers_of base) <(numbers_of older)
    cmp runs/base/model/open_clip_model.safetensors runs/older/model/open_clip_model.safetensors
    resume older --steps 12 --ema-decay 0.9
    whole older 12
}

# --- Places

@test "a place that cannot be written is exit 1" {
    fails 1 "/proc/runs: the directory cannot be made" train nowhere --runs /proc/runs --steps 2
    touch file
    fails 1 "file: the directory cannot be made" train nowhere --runs file/runs --steps 2
    fails 1 "file: the directory cannot be made" train nowhere --runs runs --steps 2 --dump file/dump
    [ ! -e runs/nowhere ]
}

@test "a full disk is exit 1; the checkpoint before it is whole, and the run goes on when there is room" {
    mkdir -p small
    mount -t tmpfs -o size=500k none small 2>/dev/null || skip "no right to mount a small file system"
    fails 1 "No space left on device" train full --runs small --steps 1000 --save-frequency 5 --keep 100
    local newest
    newest=$(ls small/full/checkpoints | sed 's/step-//' | sort -n | tail -n 1)
    ((newest >= 5))
    mount -o remount,size=4m small
    resume full --runs small --steps $((newest + 3))
    [ "$(wc -l <small/full/metrics.jsonl)" -eq $((newest + 3)) ]
}

# --- Datasets and recordings

@test "a dataset that is none, or is cut" {
    mkdir empty.set
    fails 3 "empty.set: not a dataset" train bad-data --steps 2 --train-data empty.set
    fails 3 "missing.set: no such dataset directory" train bad-data --steps 2 --train-data missing.set
    cp -r data.set cut.set
    truncate -s $(($(stat -c %s cut.set/00000.lmdb) / 2)) cut.set/00000.lmdb
    fails 3 "cut.set/00000.lmdb: has " train bad-data --steps 2 --train-data cut.set
    cp -r data.set blank.set
    truncate -s 0 blank.set/00000.lmdb
    fails 3 "blank.set/00000.lmdb: has 0 bytes" train bad-data --steps 2 --train-data blank.set
    cp -r data.set header.set
    printf '{"format": 1' >header.set/dataset.json
    fails 3 "header.set/dataset.json: line 1" train bad-data --steps 2 --train-data header.set
    cp -r data.set shards.set
    rm shards.set/00000.lmdb
    fails 3 "shards.set/00000.lmdb: the shard is missing" train bad-data --steps 2 --train-data shards.set
}

@test "a run from recordings that end early" {
    local recorded=(--images file:images.rec --tokens file:tokens.rec)
    train short --steps 10 --ema-decay 0.9 "${recorded[@]}"
    diff <(numbers_of base) <(numbers_of short)
    fails 3 "ends at step 10" train early --steps 12 "${recorded[@]}"
    head -c 3000 images.rec >cut.rec
    fails 3 "cut.rec: at byte " train cut-recording --steps 10 --images file:cut.rec --tokens file:tokens.rec
    fails 3 "missing.rec: cannot be opened" train no-recording --steps 10 --images file:missing.rec --tokens file:tokens.rec
}

# --- Peers

@test "a missing peer is named, with 4" {
    local alone=(--model model.json --microbatch 2 --peer-timeout 1)
    fails 4 "edge control: loss is missing at ipc://control" coca-image-encode "${alone[@]}" --images ipc://images --control ipc://control \
        --embeddings ipc://embeddings --features ipc://features --features-grad ipc://features-grad --embeddings-grad ipc://gradients --steps 2
    fails 4 "edge control: image-encode is missing" coca-loss "${alone[@]}" --batch-size 2 --control ipc://control --embeddings ipc://embeddings \
        --embeddings-grad ipc://embeddings-grad --steps 2
}

@test "an endpoint in use is exit 2" {
    local loss=(coca-loss --model model.json --microbatch 2 --batch-size 2 --steps 2 --peer-timeout 20) port=$((20000 + RANDOM % 10000))
    "${loss[@]}" --control "tcp://127.0.0.1:$port" --embeddings ipc://taken --embeddings-grad ipc://gradients >first.log 2>&1 3>&- &
    pid=$!
    until [[ -S taken ]]; do kill -0 "$pid"; sleep 0.05; done
    fails 2 "--control tcp://127.0.0.1:$port: cannot listen" "${loss[@]}" --control "tcp://127.0.0.1:$port" --embeddings ipc://free \
        --embeddings-grad ipc://free-gradients
    fails 2 "--embeddings: taken is in use by a running process" "${loss[@]}" --control ipc://free-control --embeddings ipc://taken \
        --embeddings-grad ipc://free-gradients
    kill -0 "$pid"
}

# --- Pictures and texts

# crc FILE: its CRC-32 as four bytes, most significant first.
crc() { gzip -c "$1" | tail -c 8 | head -c 4 | od -An -tx1 | awk '{ printf "\\x%s\\x%s\\x%s\\x%s", $4, $3, $2, $1 }'; }

# bad_pictures DIR: broken in each way; what good.jpg and good.png were.
bad_pictures() {
    local images=$BATS_TEST_DIRNAME/../parity/images type at
    mkdir -p "$1"
    for type in jpg png; do
        cp "$images/rgb.$type" "$1/good.$type"
        head -c $(($(stat -c %s "$images/rgb.$type") / 2)) "$images/rgb.$type" >"$1/truncated-$type.$type"
        head -c 20 "$images/rgb.$type" >"$1/stump-$type.$type"
        : >"$1/empty-$type.$type"
        echo "this is a text" >"$1/text-$type.$type"
        cp "$images/rgb.$type" "$1/huge-$type.$type"
    done
    at=$(LC_ALL=C grep -obUaP '\xff\xc0' "$1/huge-jpg.jpg" | head -n 1 | cut -d: -f1)
    printf '\xff\xff\xff\xff' | dd of="$1/huge-jpg.jpg" bs=1 seek=$((at + 5)) conv=notrunc status=none
    printf '\x00\x10\x00\x00\x00\x10\x00\x00' | dd of="$1/huge-png.png" bs=1 seek=16 conv=notrunc status=none
    tail -c +13 "$1/huge-png.png" | head -c 17 >ihdr
    printf "$(crc ihdr)" | dd of="$1/huge-png.png" bs=1 seek=29 conv=notrunc status=none
    cp "$images/rgb.jpg" "$1/renamed.png" # the content decides
}
NOT_PICTURES="truncated-png stump-jpg stump-png empty-jpg empty-png text-jpg text-png huge-jpg huge-png"

@test "coca-pack leaves out broken pictures and texts by name, and keeps the rest" {
    local name
    bad_pictures broken
    for name in broken/*; do echo "a bag" >"${name%.*}.txt"; done
    cp broken/good.png broken/no-words.png
    : >broken/no-words.txt
    cp broken/good.png broken/no-utf8.png
    printf 'a \377 bag' >broken/no-utf8.txt
    cp broken/good.png broken/no-caption.png
    run coca-pack pack --from folder broken --to broken.set
    echo "$output"
    [ "$status" -eq 0 ]
    for name in $NOT_PICTURES no-words no-caption; do grep "$name" broken.set/dropped.jsonl; done
    [[ $output == *"3 records; left out: 13 samples"* ]]
    coca-pack list broken.set >listed
    for name in $NOT_PICTURES no-words no-caption; do refute grep -q "$name" listed; done
    grep -q good listed
    grep -q renamed listed
}

@test "a broken picture at run time keeps its row, and its drop is reported" {
    local name
    bad_pictures seen
    printf 'seen/%s\n' good.jpg good.png renamed.png $(cd seen && ls | grep -E "^(${NOT_PICTURES// /|})\.") missing.png >list
    touch list.closed
    coca-decode --images file:seen.rec --list list --model model.json --microbatch 4 2>decode.log
    grep -ao '{"edge"[^}]*}' seen.rec >drops
    [ "$(wc -l <drops)" -eq "$(($(wc -w <<<"$NOT_PICTURES") + 1))" ]
    for name in $NOT_PICTURES missing; do grep "seen/$name" drops | grep '"reason"'; done
    coca-tap export seen.rec --tensor ids --out ids.npy
    [ "$(tail -c +129 ids.npy | od -An -v -w8 -td8 | wc -l)" -eq "$(wc -l <list)" ]
    run --separate-stderr "$CAPTION" --run runs/base $(<list)
    [ "$status" -eq 3 ]
    [ "${#lines[@]}" -eq "$(wc -l <list)" ]
    [ "$(printf '%s\n' "$output" | cut -f1)" = "$(<list)" ]
}

@test "broken records under a run keep their rows; too many of them end it" {
    local i
    bad_pictures mixed
    rm mixed/good.* mixed/renamed.*
    for i in 0 1 2 3 4 5 6; do cp "captioned/0$i.png" "captioned/0$i.txt" mixed; done
    for i in mixed/*-*.*; do echo "a bag" >"${i%.*}.txt"; done
    coca-pack pack --from folder mixed --no-verify --to mixed.set
    train dropping --train-data mixed.set --steps 10 --max-drop-rate 1
    whole dropping 10
    [ -s runs/dropping/drops.jsonl ]
    grep -q '"reason"' runs/dropping/drops.jsonl
    refute grep '"skipped": true' runs/dropping/metrics.jsonl
    fails 1 "--max-drop-rate" train dropped --train-data mixed.set --steps 100 --max-drop-rate 0.05
    (($(steps_of dropped) < 100))
}
