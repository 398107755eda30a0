# What the parts of the GPU verification read, made when first asked for. Sourced by part.sh.

# sizes MODEL: sets its sizes, and samples of a microbatch B and of a step G.
sizes() {
    E=512 V=64000 N=256 Q=256 T=64 Lu=12 Lm=12 image=288 patch=18 bos=1 eos=2
    case $1 in
        coca_base) W=768 L=12 D=768 B=128 G=384 ;;
        coca_large) W=1024 L=24 D=1024 E=768 B=64 G=192 ;;
        coca_ViT-L-14) V=49408 T=76 image=224 bos=49406 eos=49407 ;;
        coca_tiny) W=128 L=4 D=128 E=128 V=2048 N=16 Q=16 T=16 Lu=2 Lm=2 image=28 patch=7 B=4 G=8 ;;
    esac
}

# once FOLDER COMMAND ...: unless it is there, the command makes it, in an empty folder that gets the name when all went well.
once() {
    local folder=$GPU_WORK/$1 aside
    [[ -d $folder ]] && return
    aside=$(mktemp -d "$GPU_WORK/aside.XXXXXX") || return
    (cd "$aside" && "${@:2}") || return
    mv -T "$aside" "$folder" 2>/dev/null || [[ -d $folder ]] # another part was faster
}

# record SAMPLES IMAGE T V B STEPS: pixels and captions, the same in each step.
record() {
    local edge
    python3 "$gpu/make_batch.py" batch.safetensors "${@:1:4}" || return
    for edge in images tokens; do
        coca-tap import batch.safetensors --edge $edge --microbatch "$5" --steps "$6" --out $edge.rec || return
    done
    rm batch.safetensors
}

# edges: those of the sizes that are set, in the folder that is printed.
edges() {
    local name=edges-$image-$V-$B-$G-$steps
    once "$name" record "$G" "$image" "$T" "$V" "$B" $((steps + 1)) >&2 && echo "$GPU_WORK/$name"
}

draw_photos() {
    local share=$(((photos + cores - 1) / cores)) first pid pids=()
    for ((first = 0; first < photos; first += share)); do
        "$GPU_PROGRAMS/make_photos" . "$first" "$share" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || return; done
}

make_dataset() {
    mkdir photos && (cd photos && draw_photos) || return
    python3 "$gpu/make_words.py" photos "$photos" "$T" "$V" && mv photos/words.model . &&
        coca-pack pack --from csv photos/list.tsv --to data && rm -r photos
}

make_caption_edges() {
    python3 "$gpu/make_words.py" . 0 "$T" "$V" "$bos" "$eos" &&
        record $((caption_batch * caption_batches)) "$image" "$T" "$V" "$caption_batch" 1
}

caption_edges() { sizes "$caption_model" && once captions make_caption_edges; }
dataset() { sizes "$base" && once dataset make_dataset; }
