# Captions of the pictures of $data, beside the true ones or judged by them where asked for. Sourced by eval.sh.
((!${#metrics[@]})) || metrics=(--metrics "${metrics[@]}" "${generate[@]}" "${dataset[@]}" "${results[@]}")
serve_images --data "$data"
encode_images --features ipc://sockets/features
generate_captions
score captions --captions ipc://sockets/captions "${shown[@]}" "${metrics[@]}"
