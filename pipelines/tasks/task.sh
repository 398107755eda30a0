# What the head of the model makes of the samples of $data: training's processes, without gradients. Sourced by eval.sh.
head=$(coca-score head "${weights[@]}") || exit
eval "$head"
scores=scores.${#job_table}
mkfifo "$job_dir/$scores" || exit 1
shared=(--control ipc://sockets/control --states ipc://sockets/states --evaluate --batch-size 256 --task "$head_task"
    --coca-contrastive-loss-weight 0 --coca-caption-loss-weight 0)
serve_images --data "$data" --evaluate --task "$head_task" "${views[@]}"
serve label 1 labels --data "$data" --evaluate --task "$head_task" "${views[@]}"
if [[ $head_states == text ]]; then
    serve_texts --data "$data" --evaluate --task "$head_task"
    encode_images --features ipc://sockets/features "${shared[@]}"
    encode text-decode --tokens ipc://sockets/tokens --features ipc://sockets/features "${shared[@]}"
else
    encode_images "${shared[@]}"
fi
encode head --labels ipc://sockets/labels --scores "file:$scores" "${shared[@]}"
encode loss --data "$data" "${shared[@]}"
score task --scores "file:$scores" "${predictions[@]}" "${dataset[@]}" "${results[@]}"
