#!/usr/bin/env bash
# Measures a trained model. One JSON line on stdout for each task, in CLIP_benchmark's layout.
#
#   pipelines/eval.sh --run RUN|--pretrained DIR TASK ...
#
#   --zero-shot DIR    acc1, acc5 of the dataset's pictures by prompts (DIR/classnames.txt, DIR/zeroshot_classification_templates.txt)
#   --classnames FILE, --templates FILE, --class-set NAME   other names and prompts: one a line, or JSON as CLIP_benchmark's
#   --retrieval DIR    recall@1/5/10 of captions by pictures and pictures by captions
#   --losses DIR       both losses on the dataset's pairs
#   --caption DIR      name TAB caption of its pictures (--out FILE); --pairs N: N beside the true ones; --html FILE: with pictures;
#                      --metrics: instead BLEU, METEOR, ROUGE-L and CIDEr of them by the true ones, with the decoding options beside
#                      (--meteor-data FILE: METEOR's, where data/meteor.sh did not make them), and on a second line CLIPScore and
#                      RefCLIPScore by the model's own embeddings
#   --task DIR         what the model's head (tune.sh) makes of its samples, by the task's own measures; --predictions FILE: a line a
#                      sample, as the task's server takes it; --clips K, --crops 1|3: K x C views of a video, softmax averaged
#   --benchmark ROOT   a tar root of CLIP_benchmark, packed into ROOT/cocaflow: retrieval or zero-shot, as it says itself
#   --dataset NAME in the results, else the folder's; --step N in them; --results FILE: merged there (with --run: RUN/results.json)
#
# How captions are made: the options of caption.sh. --replicas N, or IMAGE,TEXT, processes of each encoder share the samples;
# of --losses and --task they divide the microbatches of 256 samples. All else (--precision, --device, …) is the stages'. Exit codes: 0 done, 1
# run-time failure, 2 usage, 3 bad data, 4 a stage lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

read_options "$@"
weights_find
[[ $run_directory ]] && results=(--results="$run_directory/results.json")
take tasks 'zero-shot|retrieval|losses|caption|benchmark|task'
take classes 'classnames|templates|class-set'
take results 'results|step|dataset'
take shown 'html|pairs|out|format'
take metrics 'metrics|meteor-data'
take views 'clips|crops'
take predictions predictions
take batch microbatch
take generate "$generation"
weights+=("${options[@]}")
((${#operands[@]})) && fail 2 "unexpected argument '${operands[0]}'"
((${#tasks[@]})) || fail 2 "no task: give --zero-shot, --retrieval, --losses, --caption or --task with a dataset, or --benchmark"
((!${#metrics[@]})) || [[ " ${tasks[*]}" == *' --caption='* ]] || fail 2 "${metrics[0]%%=*} is for --caption"
((!${#generate[@]})) || [[ " ${tasks[*]}" == *' --caption='* ]] || fail 2 "${generate[0]} is for --caption"

score() { sink score coca-score "$1" --data "$data" "${weights[@]}" "${batch[@]}" "${@:2}"; }

# Each task is a job of its own.
job_scratch
for task in "${tasks[@]}"; do
    data=$(realpath -m -- "${task#*=}") task=${task%%=*} dataset=()
    if [[ $task == --benchmark ]]; then
        [[ -d $data ]] || fail 3 "--benchmark $data: no such folder"
        [[ -f $data/cocaflow/dataset.json ]] || coca-pack pack --from clip-benchmark "$data" --to "$data/cocaflow" || exit
        task=--zero-shot dataset=(--dataset="${data##*/}")
        [[ $(cat "$data/dataset_type.txt" 2>/dev/null) == retrieval* ]] && task=--retrieval
        data=$data/cocaflow
    fi
    [[ -f $data/dataset.json ]] || fail 3 "$task $data: not a dataset (no dataset.json); coca-pack makes one"
    [[ ! $job_table ]] || job_then
    source "$COCA_HOME/pipelines/tasks/${task#--}.sh"
done
job_run
