#!/usr/bin/env bash
# Captions of pictures: PATH TAB CAPTION for each, in order.
#
#   pipelines/caption.sh --run RUN|--pretrained DIR [options] PICTURE ...
#   find photos -name '*.jpg' | pipelines/caption.sh --run RUN
#
# Options: --sample, --temperature, --top-k, --top-p, --max-length, --repetition-penalty, --seed (coca-text-decode --help),
# --format tsv|json, --precision, --device, --threads, --microbatch. A picture that cannot be read has an empty
# caption, and the exit code is 3 at the end; others: 1 run-time failure, 2 bad usage, 4 a stage was lost.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/supervise.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/weights.sh"
[[ ${1-} == --help ]] && { usage; exit; }

take_stage_options "$@"
weights_find "${job_arguments[@]}"
pictures=() generate=() out=()
set -- "${rest[@]}"
while (($#)); do
    case $1 in
        --sample) generate+=("$1") ;;
        --temperature | --top-k | --top-p | --min-length | --max-length | --repetition-penalty) generate+=("$1" "${2-}"); shift ;;
        --format) out+=("$1" "${2-}"); shift ;;
        --) shift; pictures+=("$@"); break ;;
        --*) weights+=("$1" "${2-}"); shift ;;
        *) pictures+=("$1") ;;
    esac
    shift
done
((${#pictures[@]})) || [[ ! -t 0 ]] || fail 2 "no pictures: give paths as arguments or on stdin"

job_scratch
spool "$job_dir/list" "${pictures[@]}"
serve_images --list list --root "$PWD"
encode_images --features ipc://sockets/features
generate_captions "${generate[@]}"
sink score coca-score captions --captions file:sockets/captions --out - "${weights[@]}" "${batch[@]}" "${out[@]}"
job_watch
