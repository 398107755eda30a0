#!/usr/bin/env bash
# Captions of pictures: PATH TAB CAPTION for each, in order.
#
#   pipelines/caption.sh --run RUN|--pretrained DIR [options] PICTURE ...
#   find photos -name '*.jpg' | pipelines/caption.sh --run RUN
#
# Paths on stdin are captioned as they come: a batch goes on when --microbatch B (64) pictures or --max-wait MILLISECONDS
# (200) are reached, so it may be the end of a pipe that never ends. Captions come out in the order of the pictures.
#
# How captions are made, as `coca-text-decode --help` says: --num-beams, --num-beam-groups, --diversity-penalty, --prompt,
# --min-length, --max-length, --repetition-penalty; --sample with --temperature, --top-k, --top-p, --seed. Besides: --format
# tsv|json, --out FILE, --precision, --device, --threads. --workers N (2) processes decode.
#
# --resume FILE adds to the captions that FILE has (tsv) and goes on behind them; its last line may be cut. The pictures must be
# given in the same order.
#
# A picture that cannot be read has an empty caption, and the exit code is 3 at the end; others: 1 run-time failure, 2 bad
# usage, 4 a stage was lost.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/supervise.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/weights.sh"
[[ ${1-} == --help ]] && { usage; exit; }

take_stage_options "$@"
weights_find "${job_arguments[@]}"
take_batch "${rest[@]}"
take_generation "${rest[@]}"
pictures=() out=(--out -) format=() waiting=(--max-wait 200) resume=''
set -- "${rest[@]}"
while (($#)); do
    case $1 in
        --format) format=("$1" "${2-}"); shift ;;
        --out) out=("$1" "$(realpath -m -- "${2-}")"); shift ;;
        --max-wait) waiting=("$1" "${2-}"); shift ;;
        --workers) COCA_WORKERS=${2-}; shift ;;
        --resume) resume=$(realpath -m -- "${2-}"); shift ;;
        --) shift; pictures+=("$@"); break ;;
        --*) weights+=("$1" "${2-}"); shift ;;
        *) pictures+=("$1") ;;
    esac
    shift
done
((${#pictures[@]})) || [[ ! -t 0 ]] || fail 2 "no pictures: give paths as arguments or on stdin"
if [[ $resume ]]; then
    [[ ${out[1]} == - ]] || fail 2 "--resume FILE is where the captions go: leave --out away"
    # A line without its end was being written.
    [[ ! -s $resume || -z $(tail -c 1 "$resume") ]] || sed -i '$d' "$resume"
    out=(--out "$resume" --append) waiting+=(--resume "$resume")
fi

job_scratch
spool "$job_dir/list" "${waiting[@]}" -- "${pictures[@]}"
serve_images --list list --root "$PWD"
encode_images --features ipc://sockets/features
generate_captions "${generate[@]}"
sink score coca-score captions --captions ipc://sockets/captions "${weights[@]}" "${batch[@]}" "${out[@]}" "${format[@]}"
job_watch
