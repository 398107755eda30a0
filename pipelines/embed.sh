#!/usr/bin/env bash
# Embeddings of pictures or texts, f32 [N,E] of length 1, into a file.
#
#   pipelines/embed.sh --run RUN|--pretrained DIR --out FILE.npy|FILE.safetensors [options] PICTURE ...
#   pipelines/embed.sh --run RUN|--pretrained DIR --out FILE --texts [options] <texts, one a line
#   pipelines/embed.sh --run RUN|--pretrained DIR --out FILE --data DIR [--texts]      of a dataset
#
# Paths or texts come as arguments or on stdin, as lines or, with -0 or --null, ended by NUL bytes (understood without it where
# they come first). --replicas N processes share them; the embeddings are the same. --names FILE: one line for each row, spelled as by caption.sh. What cannot be read has a row of zeros, as has
# a picture of more than --max-picture-bytes (256M), and the exit code is 3 at the end; others: 1 run-time failure, 2 bad usage,
# 4 a stage was lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

read_options "$@"
weights_find
out='' data='' role=image-encode source=(--list list --null)
take batch microbatch
take texts texts
take null null
take names names
take_value out out
take_value data data
weights+=("${options[@]}")
[[ $out ]] || fail 2 "give --out FILE.npy or FILE.safetensors"
[[ $data || ${#operands[@]} -gt 0 || ! -t 0 ]] || fail 2 "nothing to embed: arguments or stdin"

job_scratch
if [[ $data ]]; then source=(--data "$data"); else spool list; fi
if ((${#texts[@]})); then
    role=text-decode
    serve_texts "${source[@]}"
    encode_texts --embeddings ipc://sockets/embeddings
else
    [[ $data ]] || source+=(--root "$PWD")
    serve_images "${source[@]}"
    encode_images --embeddings ipc://sockets/embeddings
fi
sink score coca-score embed --role "$role" --out "$out" "${names[@]}" --embeddings ipc://sockets/embeddings "${weights[@]}" "${batch[@]}"
job_run
