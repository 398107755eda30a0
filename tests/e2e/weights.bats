#!/usr/bin/env bats
# Weights of others: as wrappers name them, as torch.save writes them, and with numbers that are not finite.

load tiny.bash
bats_require_minimum_version 1.5.0
PIPELINES=$BATS_TEST_DIRNAME/../../pipelines
TO_SAFETENSORS=$BATS_TEST_DIRNAME/../../data/bin-to-safetensors.py
INFINITE='\0\0\200\177' LARGEST='\377\377\177\177' # f32, little-endian

setup_file() { tiny_trained; }
setup() {
    tiny_setup
    tiny_given
    cp -r "$BATS_FILE_TMPDIR/runs/made/model" model
}
teardown() { tiny_teardown; }

# with_model FOLDER SCRIPT ARGUMENT ...
with_model() { "$PIPELINES/$2" --pretrained "$1" --precision fp32 --threads 1 "${@:3}"; }
captions_of() { with_model "$1" caption.sh pictures/0[12].png; }

@test "weights: NaN and infinity are said with the tensor's name, and end captions, embeddings and evaluation with 3" {
    poison model/open_clip_model.safetensors visual.conv1.weight 5 1 "$INFINITE"
    for command in "caption.sh" "embed.sh --out e.npy"; do
        run with_model model $command pictures/01.png
        [ "$status" -eq 3 ]
        [[ $output == *"model/open_clip_model.safetensors: 1 of the "*"not finite"*"visual.conv1.weight"* ]]
    done
    refute [ -e e.npy ]
    tiny_captioned set 4
    run with_model model eval.sh --retrieval set --microbatch 2
    [ "$status" -eq 3 ]
    [[ $output == *"visual.conv1.weight"* ]]
}

@test "weights: finite ones that make embeddings or logits overflow end with 3, and nothing is written" {
    poison model/open_clip_model.safetensors visual.proj 0 256 "$LARGEST"
    run with_model model embed.sh --out e.npy pictures/01.png
    [ "$status" -eq 3 ]
    [[ $output == *"pictures/01.png"*"NaN or infinite numbers in its embeddings"* ]]
    refute [ -e e.npy ]
    poison model/open_clip_model.safetensors text_decoder.ln_final.weight 0 16 "$LARGEST"
    for manner in "" "--num-beams 3" "--sample"; do
        run with_model model caption.sh --min-length 0 --num-beams 1 $manner pictures/01.png
        [ "$status" -eq 3 ]
        [[ $output == *"pictures/01.png"*"NaN or infinite numbers in its captions' logits"* ]]
    done
}

@test "weights: as torch.save writes them, alone, wrapped and in a checkpoint, they make the same captions" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    captions_of model >whole
    local form
    for form in "" "module._orig_mod." "_orig_mod. state_dict" "module. model"; do
        python3 "$BATS_TEST_DIRNAME/torch_save.py" model/open_clip_model.safetensors weights.pt $form
        python3 "$TO_SAFETENSORS" weights.pt "folder $form" --config model/open_clip_config.json 2>words
        [ -z "$form" ] || grep -q 'module and _orig_mod taken off [0-9]* names' words
        cp model/tokenizer.model "folder $form"
        captions_of "folder $form" | cmp - whole
    done
}

@test "weights: a configuration with another context_length is refused, and both lengths are named" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    python3 "$BATS_TEST_DIRNAME/torch_save.py" model/open_clip_model.safetensors weights.pt
    sed 's/"context_length": [0-9]*/"context_length": 77/' model/open_clip_config.json >other.json
    run python3 "$TO_SAFETENSORS" weights.pt folder --config other.json
    [ "$status" -eq 3 ]
    [[ $output =~ "text.positional_embedding has "[0-9]+" rows".*"context_length is 77 in other.json" ]]
    refute [ -e folder ]
    run python3 "$TO_SAFETENSORS" weights.pt folder
    [ "$status" -eq 2 ]
    head -c 5000 weights.pt >cut.pt
    run python3 "$TO_SAFETENSORS" cut.pt
    [ "$status" -eq 3 ]
}
