# Holds the real processes to the golden files. Sourced with PARITY (the folder of the models), TRAIN (train.sh), PARITY_OPTIONS
# (further options of it) and the executables on PATH; works in the current folder.

# hyper_parameters FOLDER: the options of train.sh that its steps.json names.
hyper_parameters() {
    sed -n '/"training"/,/}/s/^ *"\([a-z_0-9]*\)": "\{0,1\}\([^",{]*\)"\{0,1\},\{0,1\}$/\1 \2/p' "$1/steps.json" |
        while read -r name value; do printf -- '--%s %s ' "${name//_/-}" "$value"; done
}

# numbers_of KEY FILE: its values in the order of the steps.
numbers_of() { grep -o "\"$1\": *[-+.0-9e]*" "$2" | sed "s/.*: *//"; }

# batch_size FOLDER: G, the rows of its tokens.
batch_size() { head -c 4000 "$1/batch.safetensors" | grep -ao '"tokens":{[^}]*"shape":\[[0-9]*' | sed 's/.*\[//'; }

# agree TOLERANCE KEY FILE GOLDEN: every step's number within the tolerance, relatively, and as many as there are steps.
agree() {
    paste <(numbers_of "$2" "$3") <(numbers_of "$2" "$4") | awk -v tolerance="$1" -v key="$2" '
        NF != 2 { print key ": not a number in each step"; wrong = 1; next }
        { error = ($1 - $2) / $2; if (error < 0) error = -error }
        !(error <= tolerance) { print key ", step " NR - 1 ": " $1 " against " $2; wrong = 1 }
        END { exit wrong || NR == 0 }'
}

# train FOLDER MICROBATCH: four steps from recorded edges, with a dump of the first.
train() {
    local model=$1 B=$2 edge
    for edge in images tokens; do
        coca-tap import "$model/batch.safetensors" --edge $edge --microbatch "$B" --steps 4 --out $edge.rec || return
    done
    "$TRAIN" --name parity --runs runs --model "$model/model.json" --pretrained "$model/weights.safetensors" \
        --images file:images.rec --tokens file:tokens.rec --steps 4 --batch-size "$(batch_size "$model")" \
        --microbatch "$B" --precision fp32 "${PARITY_OPTIONS[@]}" $(hyper_parameters "$model") --dump dump --dump-step 0
}

# The step's losses to 1e-5, all four to 1e-4; outputs to 1e-5, gradients to 1e-4 of their norm.
compare() {
    local golden=$1/golden.safetensors key
    head -n 1 runs/parity/metrics.jsonl >first
    sed '/"step": 1,/,$d' "$1/steps.json" >first.golden
    for key in loss contrastive_loss caption_loss logit_scale; do agree 1e-5 $key first first.golden || return; done
    for key in loss contrastive_loss caption_loss grad_norm logit_scale; do
        agree 1e-4 $key runs/parity/metrics.jsonl "$1/steps.json" || return
    done
    if grep -q '"logit_bias"' "$1/steps.json"; then
        agree 1e-4 logit_bias runs/parity/metrics.jsonl "$1/steps.json" || return
    fi
    coca-tap diff --tolerance 1e-5 dump/outputs.safetensors "$golden" --tensor image_embedding \
        --tensor text_embedding --tensor features --tensor logits || return
    coca-tap diff --tolerance 1e-4 --prefix grad. dump/grads.safetensors "$golden"
}

# hold MICROBATCHES: all models with the batch cut in so many; 0: microbatches of one sample.
hold() {
    local model G count=0
    for model in "$PARITY"/*/model.json; do
        model=${model%/model.json} G=$(batch_size "${model}")
        echo "# ${model##*/}, G = $G"
        rm -rf runs dump
        train "$model" $(($1 ? G / $1 : 1)) 2>&1 || return
        compare "$model" || return
        count=$((count + 1))
    done
    ((count >= 3))
}
