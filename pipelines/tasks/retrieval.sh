# Recall of the captions of $data by its pictures, and the other way round. Sourced by eval.sh.
serve_images --data "$data"
serve_texts --data "$data" --captions-per-record all
encode_images --embeddings ipc://sockets/embeddings
encode_texts --embeddings ipc://sockets/embeddings
score retrieval --embeddings ipc://sockets/embeddings "${dataset[@]}" "${results[@]}"
