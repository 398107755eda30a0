#!/usr/bin/env bats
# pipelines/hosts/kubernetes: the parts fit each other, every command line is one that the executables take, and the pods of the
# base, started as processes of this host, train to the end. tests/bench/check_kubernetes.py holds it to published schemas.

load tiny.bash
load ../fault/relabel.bash
KUBERNETES=$BATS_TEST_DIRNAME/../../pipelines/hosts/kubernetes
TRAINING=("$KUBERNETES"/base "$KUBERNETES"/overlays/*/)
RELABELLING=("$KUBERNETES"/relabel/base "$KUBERNETES"/relabel/overlays/*/)
FOLDERS=("${TRAINING[@]}" "${RELABELLING[@]}")

setup() {
    tiny_setup
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import yaml' 2>/dev/null && return
    done
    skip "python3 has no yaml"
}
teardown() { claimants_down; tiny_teardown; }
kubernetes() { "$python" "$BATS_TEST_DIRNAME/kubernetes.py" "$@"; }

@test "kubernetes: every name stands for something, and the conductor's address is that of loss" {
    for folder in "${FOLDERS[@]}"; do
        kubernetes loose "$folder" >loose
        [ ! -s loose ]
    done
}

@test "kubernetes: the tests see what kustomize makes" {
    local folder tool
    for tool in "kustomize build" "kubectl kustomize" ""; do command -v ${tool%% *} >/dev/null && break; done
    [[ $tool ]] || skip "neither kustomize nor kubectl is installed"
    for folder in "${FOLDERS[@]}"; do
        kubernetes things "$folder" >ours
        $tool "$folder" >theirs
        kubernetes same ours theirs
    done
}

@test "kubernetes: executables take every option, and their settings" {
    local folder job count words word
    for folder in "${TRAINING[@]}"; do
        kubernetes commands "$folder" >commands
        [ "$(wc -l <commands)" -eq 6 ]
        while read -r job count words; do
            eval "words=($words)"
            while [[ ${words[0]} != coca-* ]]; do words=("${words[@]:1}"); done
            [[ ${words[1]} == --prepare ]] && words=("${words[0]} --prepare" "${words[@]:2}")
            ${words[0]} --help >page
            for word in "${words[@]:1}"; do grep -q -- "^  ${word%%=*}\b" page; done
        done <commands
        coca-loss --prepare --help | sed -nE 's/^  --(\[no-\])?([a-z0-9-]+).*/\2/p' | sort >known
        jq -r 'keys[]' "$folder/settings.json" | sort | comm -23 - known >unknown
        [ ! -s unknown ]
    done
}

@test "kubernetes: the pods of the base, as processes of this host, train to the end" {
    local job count words port=$((20000 + $$ % 10000))
    tiny_captioned "data set" 7
    mkdir runs && coca-tap keys keys
    jq --arg here "$PWD" --arg words "$TINY_VOCABULARY" '. + {model: ($here + "/model.json"), tokenizer: $words,
        "train-data": ($here + "/data set"), "batch-size": 4, microbatch: 2, steps: 12, "save-frequency": 5, threads: "1,1"}' \
        "$KUBERNETES/base/settings.json" >settings.json
    kubernetes commands "$KUBERNETES/base" |
        sed "s|/settings/|$PWD/|g; s|/runs|$PWD/runs|g; s|/keys|$PWD/keys|g; s|coca-loss-0-0.coca:7000|127.0.0.1:$port|g" >commands
    while read -r job count words; do
        eval "words=($words)"
        while ((count-- > 0)); do
            if [[ $job == prepare ]]; then
                "${words[@]}" >prepared
            else
                (cd / && exec "${words[@]}") >"$job.$count.log" 2>&1 3>&- &
                pids+=($!)
            fi
        done
    done <commands
    all_left
    [ "$(wc -l <runs/first/metrics.jsonl)" -eq 12 ]
    [ -e runs/first/model/open_clip_model.safetensors ]
    [ -e runs/first/checkpoints/step-12 ]
}

@test "kubernetes: relabel.sh takes every option" {
    local folder job count words word
    "$RELABEL" --help >page
    for folder in "${RELABELLING[@]}"; do
        kubernetes commands "$folder" >commands
        (($(wc -l <commands) == $(kubernetes things "$folder" | sed -n 's/^  completions: //p')))
        while read -r job count words; do
            eval "words=($words)"
            [[ ${words[0]} == */pipelines/relabel.sh ]]
            for word in "${words[@]:1}"; do grep -q -- "${word%%=*}\b" page; done
        done <commands
    done
}

# pods FOLDER TO N OF: the first N pods of a folder, of which its job has OF, as processes of this host that write to TO.
pods() {
    local job count words pod common=(--captions 2 --sample --top-p 0.9 --seed 5 --precision fp32 --threads 1,1 --microbatch 16 --workers 1)
    kubernetes commands "$1" | head -n "$3" | sed "s|/opt/cocaflow/pipelines/relabel.sh|$RELABEL|; s|--pretrained=[^ ']*|--pretrained=runs/made/model|
        s|--from=[^ ']*|--from=shards/*.tar|; s|--to=[^ ']*|--to=$2|; s|/$4\b|/$3|" >commands
    claimant=()
    while read -r job count words; do
        eval "words=($words)"
        "${words[@]}" "${common[@]}" >"pod.${#claimant[@]}.log" 2>&1 3>&- &
        claimant+=($!)
    done <commands
    for pod in "${claimant[@]}"; do wait "$pod" || { cat pod.*.log; return 1; }; done
    claimant=()
}

@test "kubernetes: the pods of relabel, as processes of this host, relabel all shards, by claims and by parts" {
    BATS_FILE_TMPDIR=$PWD relabel_data 4 40
    relabel_alone quiet
    pods "$KUBERNETES/relabel/base" claimed 4 4
    same_shards quiet claimed
    pods "$KUBERNETES/relabel/overlays/parts" parts 3 16
    same_shards quiet parts
}
