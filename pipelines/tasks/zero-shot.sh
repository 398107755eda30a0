# acc1 and acc5 of the pictures of $data by prompts, which stand in a list that is whole before the job begins. Sourced by eval.sh.
list=prompts.${#job_table}
coca-score prompts --null --data "$data" "${classes[@]}" >"$job_dir/$list" && touch "$job_dir/$list.closed" || exit
serve_images --data "$data"
serve_texts --list "$list" --null
encode_images --embeddings ipc://sockets/embeddings
encode_texts --embeddings ipc://sockets/embeddings
score zero-shot --embeddings ipc://sockets/embeddings "${classes[@]}" "${dataset[@]}" "${results[@]}"
