# Holds the real processes to the golden step of each task. Sourced behind hold.bash, with TASKS (the folder of the models) and
# TUNE (tune.sh); works in the current folder.

# options_of CASE: those of tune.sh that its JSON names.
options_of() { jq -r '.options | to_entries[] | "--\(.key)", .value' "$1.json"; }

# edges_of CASE: those that it has tensors of.
edges_of() {
    echo images labels
    head -c 20000 "$1.safetensors" | grep -aq '"tokens":' && echo tokens
    return 0
}

# tune CASE MICROBATCH [OPTION ...]: a step of it from recorded edges, dumped.
tune() {
    local case=$1 model=${1%/*} B=$2 edge edges=()
    for edge in $(edges_of "$case"); do
        coca-tap import "$case.safetensors" --edge "$edge" --microbatch "$B" --out "$edge.rec" || return
        edges+=("--$edge" "file:$edge.rec")
    done
    "$TUNE" --name task --runs runs --model "$model/model.json" --pretrained "$model/$(jq -r .head "$case.json").weights.safetensors" \
        --head-labels "$model/labels.txt" "${edges[@]}" $(options_of "$case") --steps 1 --batch-size 4 --microbatch "$B" \
        --precision fp32 "${PARITY_OPTIONS[@]}" --dump dump --dump-step 0 "${@:3}"
}

# Losses and the norm of all gradients to 1e-5, each gradient to 1e-4 of its own, as compare has them.
compare_task() {
    local key
    for key in $(jq -r '.steps[0] | keys[]' "$1.json"); do agree 1e-5 "$key" dump/losses.json "$1.json" || return; done
    coca-tap diff --tolerance 1e-4 --prefix grad. dump/grads.safetensors "$1.safetensors"
}

# compare_head CASE: the loss and the head's own gradients.
compare_head() {
    agree 1e-5 head_loss dump/losses.json "$1.json" || return
    coca-tap diff --tolerance 1e-4 --prefix grad. dump/grads.safetensors "$1.safetensors" --tensor=head.ln_post.{weight,bias} \
        --tensor=head.attn_pool.{query,ln_q.weight,ln_k.bias,attn.in_proj_weight,attn.out_proj.bias} --tensor=head.fc.{weight,bias}
}

# hold_tasks MICROBATCH [OPTION ...]: every case of every model.
hold_tasks() {
    local case count=0
    for case in "$TASKS"/*/*.json; do
        case=${case%.json}
        [[ -e $case.safetensors ]] || continue
        echo "# ${case#"$TASKS"/}"
        rm -rf runs dump
        tune "$case" "$@" 2>&1 || return
        compare_task "$case" || return
        count=$((count + 1))
    done
    ((count == 18))
}
