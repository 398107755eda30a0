#!/usr/bin/env bash
# How well one linear layer on the embeddings of a model tells classes apart. One JSON line on stdout, in CLIP_benchmark's layout.
#
#   pipelines/probe.sh --run RUN|--pretrained DIR --train-data DIR --val-data DIR [--test-data DIR] [options]
#
#   --val-data DIR     what is measured; a tenth of the training set (--hold-out SHARE) then is what C is searched by
#   --test-data DIR    what is measured; C then is searched by --val-data, on which the last fit trains too
#   --protocol clip    L-BFGS to the minimum, C searched; or clip-benchmark: AdamW, weight decay searched
#   --shots K          K training samples of each class, drawn by --seed N
#   --regularisation X     C, or weight decay, that is not searched for
#   --features DIR     keeps the embeddings there as .npy, named by dataset, weights and options, and takes those that are there;
#                      with --run RUN/features when left out, else none are kept
#   --dataset NAME in the results, else the folder's; --step N in them; --results FILE: merged there (with --run: RUN/results.json)
#
# All else (--precision, --device, …) is the stages'. Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 a stage lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

read_options "$@"
weights_find
features='' train='' val='' test=''
if [[ $run_directory ]]; then features=$run_directory/features results=(--results="$run_directory/results.json"); fi
take results 'results|step|dataset'
take protocol 'protocol|shots|hold-out|regularisation|seed'
take batch microbatch
take_value features features && take_value train train-data && take_value val val-data && take_value test test-data
weights+=("${options[@]}")
((${#operands[@]})) && fail 2 "unexpected argument '${operands[0]}'"
[[ $train && $val$test ]] || fail 2 "give --train-data DIR and --val-data DIR"
[[ $test ]] || { test=$val && val=''; }

job_scratch
features=$(realpath -m -- "${features:-$job_dir}")
mkdir -p -- "$features" || exit 1

# Names the file of a dataset's embeddings by all that they depend on.
file_of() {
    local at=${weights[0]#*=} key
    key=$({ cat -- "$1/dataset.json"; find -L "$at" -type f -printf '%p %s %T@\n' | sort; echo "${weights[@]}"; } | sha256sum)
    printf %s "$features/${key:0:16}.npy"
}
# use NAME DATA: DATA's embeddings are the probe's NAME, and are made where they are not there.
use() {
    local data file
    data=$(realpath -m -- "$2")
    [[ -f $data/dataset.json ]] || fail 3 "--$1-data $data: not a dataset (no dataset.json); coca-pack makes one"
    file=$(file_of "$data")
    protocol+=(--"$1-features=$file" --"$1-data=$data")
    [[ -f $file || $job_table == *"$file"* ]] && return
    serve_images --data "$data"
    encode_images --embeddings ipc://sockets/embeddings
    sink score coca-score embed --out "$file" --embeddings ipc://sockets/embeddings "${weights[@]}" "${batch[@]}"
    job_then
}
use train "$train"
[[ ! $val ]] || use val "$val"
use test "$test"
sink score coca-score probe "${protocol[@]}" "${results[@]}" "${weights[@]}"
job_run
