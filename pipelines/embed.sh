#!/usr/bin/env bash
# Embeddings of pictures or texts, f32 [N,E] of length 1, into a file.
#
#   pipelines/embed.sh --run RUN|--pretrained DIR --out FILE.npy|FILE.safetensors [options] PICTURE ...
#   pipelines/embed.sh --run RUN|--pretrained DIR --out FILE --texts [options] <texts, one a line
#   pipelines/embed.sh --run RUN|--pretrained DIR --out FILE --data DIR [--texts]      of a dataset
#
# Paths or texts come as arguments or on stdin. --names FILE: one line for each row. What cannot be read has a row of
# zeros, and the exit code is 3 at the end; others: 1 run-time failure, 2 bad usage, 4 a stage was lost.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/supervise.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/weights.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

take_stage_options "$@"
weights_find "${job_arguments[@]}"
take_batch "${rest[@]}"
items=() sink=() role=image-encode source=(--list list)
set -- "${rest[@]}"
while (($#)); do
    case $1 in
        --texts) role=text-decode ;;
        --data) source=(--data "$(realpath -- "${2-}")"); shift ;;
        --out | --names) sink+=("$1" "$(realpath -m -- "${2-}")"); shift ;;
        --) shift; items+=("$@"); break ;;
        --*) weights+=("$1" "${2-}"); shift ;;
        *) items+=("$1") ;;
    esac
    shift
done
[[ ${sink[*]} == *--out* ]] || fail 2 "give --out FILE.npy or FILE.safetensors"
[[ ${source[0]} == --data || ${#items[@]} -gt 0 || ! -t 0 ]] || fail 2 "nothing to embed: arguments or stdin"

job_scratch
[[ ${source[0]} == --data ]] || spool "$job_dir/list" -- "${items[@]}"
if [[ $role == image-encode ]]; then
    [[ ${source[0]} == --data ]] || source+=(--root "$PWD")
    serve_images "${source[@]}"
    encode_images --embeddings ipc://sockets/embeddings
else
    serve_texts "${source[@]}"
    encode_texts --embeddings ipc://sockets/embeddings
fi
sink score coca-score embed --role "$role" "${sink[@]}" --embeddings ipc://sockets/embeddings "${weights[@]}" "${batch[@]}"
job_watch
