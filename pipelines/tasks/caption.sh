# Captions of the pictures of $data, beside the true ones or judged by them where asked for, and then by the model's own
# embeddings, in a job behind the one that made them. Sourced by eval.sh.
texts=captioned.${#job_table} judged=()
((!${#metrics[@]})) || judged=("${metrics[@]}" --metrics --clip-texts "$texts" "${generate[@]}" "${dataset[@]}" "${results[@]}")
serve_images --data "$data"
encode_images --features ipc://sockets/features
generate_captions
score captions --captions ipc://sockets/captions "${shown[@]}" "${judged[@]}"
((${#metrics[@]})) || return 0
job_then
serve_images --data "$data"
serve_texts --list "$texts" --null
encode_images --embeddings ipc://sockets/embeddings
encode_texts --embeddings ipc://sockets/embeddings
score clip-score --embeddings ipc://sockets/embeddings "${generate[@]}" "${dataset[@]}" "${results[@]}"
