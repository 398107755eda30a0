# Captions of the pictures of $data, beside the true ones where asked for. Sourced by eval.sh.
serve_images --data "$data"
encode_images --features ipc://sockets/features
generate_captions
score captions --captions ipc://sockets/captions "${shown[@]}"
