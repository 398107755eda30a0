# The smallest of everything: a model, a vocabulary, pictures and datasets, made in the current folder.

COCA_BIN=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
PATH=$COCA_BIN:$PATH
source "${BASH_SOURCE[0]%/*}/eventually.bash"
export LC_ALL=C # recordings are looked at as bytes
TINY_VOCABULARY=$BATS_TEST_DIRNAME/../unit/text/data/tiny.model

# In setup and teardown: a folder of its own for each test, and no process left behind.
tiny_setup() {
    cd "$(mktemp -d)" || return
    export TMPDIR=$PWD # of jobs that fail and leave their logs
    pids=()
    tiny_model model.json
    MODEL=(--model "$PWD/model.json" --tokenizer "$TINY_VOCABULARY" --microbatch 3 --peer-timeout 10 --stall-timeout 20)
}
tiny_teardown() {
    ((${#pids[@]})) && kill -9 "${pids[@]}" 2>/dev/null
    rm -rf "$PWD"
}

# start STAGE ARGUMENT ...: in the background; its words go to STAGE.log. all_ready: waits until what was started is
# connected. all_left: waits, fails when one of them did.
start() {
    "$@" "${MODEL[@]}" --ready "ready.${#pids[@]}" >>"$1.log" 2>&1 3>&- &
    pids+=($!)
}
all_ready() {
    local i
    for ((i = 0; i < ${#pids[@]}; i++)); do
        until [[ -e ready.$i ]]; do
            kill -0 "${pids[i]}" || { cat ./*.log; return 1; }
            sleep 0.05
        done
        rm "ready.$i"
    done
    sleep 0.5 # a socket looks again for one that was not there yet
}
all_left() {
    local pid
    for pid in "${pids[@]}"; do wait "$pid" || { cat ./*.log; return 1; }; done
    pids=()
}
# After a consumer that failed at once: who had not greeted it would wait for it.
stop_all() {
    kill "${pids[@]}" 2>/dev/null || true
    wait "${pids[@]}" || true
    pids=()
}
# Chains that serve embeddings; what follows goes to the worker.
serve_images() {
    start coca-decode --images ipc://images "$@"
    start coca-image-encode --images ipc://images --embeddings ipc://embeddings
}
serve_texts() {
    start coca-tokenize --tokens ipc://tokens "$@"
    start coca-text-decode --embed --tokens ipc://tokens --embeddings ipc://embeddings
}
score() { coca-score "$@" "${MODEL[@]}" --embeddings ipc://embeddings; }

# refute COMMAND ...: fails when it succeeds (a line with ! never fails a test).
refute() { if "$@"; then return 1; fi; }

# hex FILE: its bytes. numbers FILE.npy: the f32 it holds, one a line.
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
numbers() { od -An -v -w4 -tf4 -j128 "$1"; }

# tiny_model FILE: pictures of 8 x 8, texts of 8 tokens, 36 words.
tiny_model() {
    cat >"$1" <<'E2'
{"family": "paper", "embed_dim": 16,
 "vision_cfg": {"image_size": 8, "patch_size": 4, "width": 16, "layers": 1, "head_width": 8, "mlp_ratio": 2,
    "attentional_pool": "cascade", "attn_pooler_queries": 3, "attn_pooler_heads": 2},
 "text_cfg": {"context_length": 8, "vocab_size": 36, "width": 16, "heads": 2, "layers": 1, "mlp_ratio": 2,
    "embed_cls": true, "pad_id": 0, "bos_id": 1, "eos_id": 2},
 "multimodal_cfg": {"context_length": 8, "vocab_size": 36, "width": 16, "heads": 2, "layers": 1, "mlp_ratio": 2}}
E2
}

# bytes NUMBER ...: those bytes on stdout.
bytes() { printf "$(printf '\\%03o' "$@")"; }

# tiny_idx N: pictures.idx3-ubyte, labels.idx1-ubyte with N grey pictures of 10 x 12, picture i of class i mod 3.
tiny_idx() {
    local n=$1 i p row=()
    {
        bytes 0 0 8 3 0 0 0 "$n" 0 0 0 10 0 0 0 12
        for ((i = 0; i < n; i++)); do
            row=()
            for ((p = 0; p < 120; p++)); do row+=($(((p * (i + 1) * 7 + i * 31) % 256))); done
            bytes "${row[@]}"
        done
    } >pictures-idx3-ubyte
    {
        bytes 0 0 8 1 0 0 0 "$n"
        for ((i = 0; i < n; i++)); do bytes $((i % 3)); done
    } >labels-idx1-ubyte
    printf 'ankle boot\nred bag\nblue frog\n' >classes.txt
}

# tiny_labelled DIR N: a dataset of N pictures with a class and its name as label.
tiny_labelled() {
    tiny_idx "$2"
    coca-pack pack --from idx pictures-idx3-ubyte --labels labels-idx1-ubyte --class-names classes.txt --to "$1"
}

# tiny_pictures DIR N: a folder with the files 00.png, 01.png, …
tiny_pictures() {
    local i
    mkdir "$1"
    tiny_labelled tiny-pictures.set "$2"
    for ((i = 0; i < $2; i++)); do coca-pack extract tiny-pictures.set "$i" >"$1/$(printf %02d "$i").png"; done
}

# tiny_captioned DIR N: a dataset of N pictures, picture i with i mod 3 + 1 captions "frog I", "bag I", "boot I".
tiny_captioned() {
    local i words=(frog bag boot)
    tiny_pictures captioned "$2"
    for ((i = 0; i < $2; i++)); do
        printf "%s $i\n" "${words[@]:0:i % 3 + 1}" >"captioned/$(printf %02d "$i").txt"
    done
    coca-pack pack --from folder captioned --to "$1"
}

# tiny_questions DIR N: a dataset of N pictures, each with a question and ten answers, and answers.txt with those that are told apart.
tiny_questions() {
    local i answers=(frog bag boot)
    rm -rf tiny-pictures.set
    tiny_pictures asked "$2"
    printf '%s\n' "${answers[@]}" >answers.txt
    for ((i = 0; i < $2; i++)); do
        printf '{"question_id": %d, "question": "red frog %s", "image": "%02d.png", "answer": ["%s"' $((100 + i)) "${answers[i % 3]}" $i "${answers[i % 3]}"
        printf ', "%s"' "${answers[i % 3]}"{,,,,,,} "${answers[(i + 1) % 3]}" green
        printf ']}\n'
    done | jq -s . >asked.json
    coca-pack pack --from lavis asked.json --images-root asked --min-answers 1 --to "$1"
}

# tiny_trained: four steps on nine captioned pictures, in the folder that the tests of a file share.
tiny_trained() {
    cd "$BATS_FILE_TMPDIR" || return
    tiny_model model.json
    tiny_captioned data.set 9
    "$BATS_TEST_DIRNAME/../../pipelines/train.sh" --name made --runs runs --model model.json --tokenizer "$TINY_VOCABULARY" \
        --train-data data.set --batch-size 6 --microbatch 3 --steps 4 --lr 1e-2 --precision fp32 --threads 1,1 --seed 3
}
# tiny_given: pictures/, which that model learnt from, and `given`, the options that take it.
tiny_given() {
    cp -r "$BATS_FILE_TMPDIR/captioned" pictures
    given=(--pretrained "$BATS_FILE_TMPDIR/runs/made/model" --precision fp32 --threads 1)
}

# poison WEIGHTS TENSOR FIRST COUNT BYTES: so many f32 of a tensor become these bytes, written as printf has them.
poison() {
    local header begin i
    header=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    begin=$(tail -c +9 "$1" | head -c "$header" | sed 's/.*"'"$2"'" *: *{[^}]*"data_offsets" *: *\[\([0-9]*\),.*/\1/')
    for ((i = 0; i < $4; i++)); do printf "$5"; done |
        dd of="$1" bs=1 seek=$((8 + header + begin + $3 * 4)) conv=notrunc status=none
}
