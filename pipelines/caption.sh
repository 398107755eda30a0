#!/usr/bin/env bash
# Captions of pictures: PATH TAB CAPTION for each, in order.
#
#   pipelines/caption.sh --run RUN|--pretrained DIR [options] PICTURE ...
#   find photos -name '*.jpg' -print0 | pipelines/caption.sh --run RUN --null
#
# Paths on stdin are lines, with -0 or --null ended by NUL bytes; NUL bytes in what comes first are understood without it. In
# PATH line ends, tabs, other characters that act on a terminal and bytes that are not UTF-8 are written \xNN, a backslash before
# an x \x5c; --format json has paths as they are.
#
# Paths on stdin are captioned as they come: a batch goes on when --microbatch B (64) pictures or --max-wait MILLISECONDS
# (200) are reached, so it may be the end of a pipe that never ends. Captions come out in the order of the pictures.
#
# How captions are made, as `coca-text-decode --help` says: --num-beams, --num-beam-groups, --diversity-penalty, --prompt,
# --stop-at, --min-length, --max-length, --repetition-penalty; --sample with --temperature, --top-k, --top-p, --seed. A draw
# depends on the seed and the path as given, not on what else is captioned. --num-captions N: N lines a picture, draws or the
# best of the beams; with --format json N entries of the same image_id, of which COCO's evaluation takes one. Besides: --format
# tsv|json, --out FILE, --precision, --device, --threads. --workers N (2) processes decode. --max-picture-bytes BYTES (256M):
# larger files are not read. --replicas N, or IMAGE,TEXT, processes of each encoder share the pictures; the captions are the
# same, and one of several that is lost is started anew.
#
# --resume FILE adds to the captions that FILE has (tsv) and goes on behind them; its last line, and the captions of its last
# picture, may be cut. The pictures must be given in the same order, with the same --num-captions.
#
# A picture that cannot be read has an empty caption, and the exit code is 3 at the end; others: 1 run-time failure, 2 bad
# usage, 4 a stage was lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help ]] && { usage; exit; }

read_options "$@"
weights_find
out=- resume='' append=() waiting=(--max-wait=200)
take batch microbatch
take generate "$generation"
take format format
take null null
take waiting max-wait
take_value COCA_WORKERS workers
take_value out out
take_value resume resume
weights+=("${options[@]}")
((${#operands[@]})) || [[ ! -t 0 ]] || fail 2 "no pictures: give paths as arguments or on stdin"
if [[ $resume ]]; then
    [[ $out == - ]] || fail 2 "--resume FILE is where the captions go: leave --out away"
    # A line without its end was being written.
    [[ ! -s $resume || -z $(tail -c 1 "$resume") ]] || sed -i '$d' "$resume"
    out=$resume append=(--append) waiting+=(--resume="$resume")
    for option in "${generate[@]}"; do [[ $option != --num-captions=* ]] || waiting+=("$option"); done
fi

job_scratch
spool list "${waiting[@]}"
serve_images --list list --null --root "$PWD"
encode_images --features ipc://sockets/features
generate_captions
sink score coca-score captions --captions ipc://sockets/captions "${weights[@]}" "${batch[@]}" --out "$out" "${append[@]}" "${format[@]}"
job_run
