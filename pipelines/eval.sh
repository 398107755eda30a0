#!/usr/bin/env bash
# Measures a trained model. One JSON line on stdout for each task, in CLIP_benchmark's layout.
#
#   pipelines/eval.sh --run RUN|--pretrained DIR TASK ...
#
#   --zero-shot DIR    acc1, acc5 of the dataset's pictures by prompts (DIR/classnames.txt, DIR/zeroshot_classification_templates.txt)
#   --classnames FILE, --templates FILE, --class-set NAME   other names and prompts: one a line, or JSON as CLIP_benchmark's
#   --retrieval DIR    recall@1/5/10 of captions by pictures and pictures by captions
#   --losses DIR       both losses on the dataset's pairs
#   --caption DIR      captions of the dataset's pictures: name TAB caption; with --pairs N, N of them beside the true ones
#   --html FILE        with --caption: a page with the pictures
#   --benchmark ROOT   a tar root of CLIP_benchmark: packs its test split into ROOT/cocaflow unless it is there, then does
#                      what its dataset_type.txt says: retrieval, else zero-shot
#   --dataset NAME     in the results; else the folder's name
#   --step N           kept with the results; --results FILE: merged there (default with --run: RUN/results.json)
#
# Everything else (--precision, --device, --threads, --microbatch, …) is handed to the stages.
# Exit codes: 0 done, 1 run-time failure, 2 bad usage, 3 bad data, 4 a stage was lost.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/supervise.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/weights.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$#  * 2)); }

take_stage_options "$@"
weights_find "${job_arguments[@]}"
set -- "${rest[@]}"
tasks=() results=() shown=() more=() classes=() named=()
[[ $run_directory ]] && results=(--results "$run_directory/results.json")

# benchmark ROOT: its packed test split, as a task.
benchmark() {
    local root packed task=zero-shot
    [[ -d $1 ]] || fail 3 "--benchmark $1: no such folder"
    root=$(realpath -- "$1") packed=$(realpath -- "$1")/cocaflow
    if [[ ! -f $packed/dataset.json ]]; then
        coca-pack pack --from clip-benchmark "$root" --to "$packed" || exit
    fi
    [[ $(cat "$root/dataset_type.txt" 2>/dev/null) == retrieval* ]] && task=retrieval
    tasks+=("$task" "$packed")
}

# name_of DIR: the option that names the dataset in the results, for one that a root holds.
name_of() {
    [[ ${1##*/} == cocaflow && ! ${named[*]} ]] || return 0
    set -- "${1%/*}"
    printf '%s\n' --dataset "${1##*/}"
}

while (($#)); do
    case $1 in
        --benchmark) benchmark "${2-}"; shift ;;
        --classnames | --templates) classes+=("$1" "$(realpath -m -- "${2-}")"); shift ;;
        --class-set) classes+=("$1" "${2-}"); shift ;;
        --dataset) named=(--dataset "${2-}"); shift ;;
        --zero-shot | --retrieval | --losses | --caption)
            [[ -f ${2-}/dataset.json ]] || fail 3 "$1 ${2-}: not a dataset (no dataset.json); coca-pack makes one"
            tasks+=("${1#--}" "$(realpath -- "$2")"); shift ;;
        --results) results=(--results "$(realpath -m -- "${2-}")"); shift ;;
        --html) shown+=(--html "$(realpath -m -- "${2-}")"); shift ;;
        --pairs | --out | --format) shown+=("$1" "${2-}"); shift ;;
        --step) step=(--step "${2-}"); shift ;;
        *) more+=("$1") ;;
    esac
    shift
done
((${#tasks[@]})) || fail 2 "no task: give --zero-shot, --retrieval, --losses or --caption with a dataset, or --benchmark"
weights+=("${more[@]}")
score=(--embeddings ipc://sockets/embeddings "${weights[@]}" "${batch[@]}" "${results[@]}" "${step[@]}" "${named[@]}")

zero-shot() {
    coca-score prompts --data "$1" "${classes[@]}" >"$job_dir/prompts" || exit
    touch "$job_dir/prompts.closed"
    serve_images --data "$1"
    serve_texts --list prompts
    encode_images --embeddings ipc://sockets/embeddings
    encode_texts --embeddings ipc://sockets/embeddings
    mapfile -t name < <(name_of "$1")
    sink score coca-score zero-shot --data "$1" "${name[@]}" "${classes[@]}" "${score[@]}"
}

retrieval() {
    serve_images --data "$1"
    serve_texts --data "$1" --captions-per-record all
    encode_images --embeddings ipc://sockets/embeddings
    encode_texts --embeddings ipc://sockets/embeddings
    mapfile -t name < <(name_of "$1")
    sink score coca-score retrieval --data "$1" "${name[@]}" "${score[@]}"
}

losses() {
    local shared='--control ipc://sockets/control --embeddings ipc://sockets/embeddings --evaluate --batch-size 256'
    serve_images --data "$1" --evaluate
    serve_texts --data "$1" --evaluate
    encode_images $shared --features ipc://sockets/features
    stage text-decode coca-text-decode --tokens ipc://sockets/tokens --features ipc://sockets/features $shared \
        "${weights[@]}" "${batch[@]}"
    sink loss coca-loss $shared "${weights[@]}" --data "$1" "${batch[@]}" "${results[@]}" "${step[@]}"
}

caption() {
    serve_images --data "$1"
    encode_images --features ipc://sockets/features
    generate_captions
    sink score coca-score captions --captions ipc://sockets/captions --data "$1" "${weights[@]}" "${batch[@]}" "${shown[@]}"
}

job_scratch
for ((i = 0; i < ${#tasks[@]}; i += 2)); do
    ((i)) && job_open "$scratch"
    "${tasks[i]}" "${tasks[i + 1]}"
    job_watch || exit
done
