# Both losses on the pairs of $data: training's processes, without gradients. Sourced by eval.sh.
shared=(--control ipc://sockets/control --embeddings ipc://sockets/embeddings --evaluate --batch-size 256)
serve_images --data "$data" --evaluate
serve_texts --data "$data" --evaluate
encode_images --features ipc://sockets/features "${shared[@]}"
encode text-decode --tokens ipc://sockets/tokens --features ipc://sockets/features "${shared[@]}"
sink loss coca-loss --data "$data" "${weights[@]}" "${batch[@]}" "${shared[@]}" "${dataset[@]}" "${results[@]}"
