#!/usr/bin/env bash
# Keeps a captioner and embedders up, and answers clients over a ZeroMQ socket: coca-ask is one from the shell.
#
#   pipelines/serve.sh --run RUN|--pretrained DIR --clients ADDRESS [options]
#   coca-ask --server ADDRESS picture.jpg
#
# ADDRESS is ipc://PATH, or tcp://HOST:PORT, which beyond this host needs --keys DIR (coca-tap keys) or --insecure. What
# travels over it: `coca-serve --help`. --tasks caption,image-embedding,text-embedding (all) says which to serve, each with
# its own processes. Requests of all clients share batches of --microbatch B (8), which go on when full or --max-wait
# MILLISECONDS (20) after their first; beyond --queue N (64) of a task, clients are told to come again.
#
# How captions are made: the options of caption.sh. Besides: --max-picture-bytes BYTES (32M), --request-limit, --precision,
# --device, --threads. --workers N (2) processes decode for each task, --replicas N, or IMAGE,TEXT, of each encoder compute for it. TERM or INT: what waits is answered, then it ends.
#
# Exit codes: 143, 130 and 129 after a signal; 1 run-time failure, 2 bad usage, 4 a stage was lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help ]] && { usage; exit; }

batch=(--microbatch=8)
read_options "$@"
weights_find
clients='' tasks=caption,image-embedding,text-embedding
take batch microbatch
take generate "$generation"
take front 'queue|max-wait|request-limit'
take_value clients clients
take_value tasks tasks
take_value COCA_WORKERS workers
weights+=("${options[@]}")
((${#operands[@]})) && fail 2 "${operands[0]}: pictures are given to coca-ask, not to the server"
[[ " ${generate[*]}" != *' --num-captions='* ]] || fail 2 "--num-captions is for caption.sh: a client is answered with one"
[[ $clients ]] || fail 2 "give --clients ipc://PATH or tcp://HOST:PORT, where clients connect"
[[ $clients != ipc://[!/]* ]] || clients=ipc://$PWD/${clients#ipc://}
wait_for_ever

job_scratch
touch "$job_dir"/{captions,images,texts}.list # which coca-serve fills with what clients send
for task in ${tasks//,/ }; do
    case $task in
        caption)
            chain=''
            serve_images --list captions.list --null --root captions.list.pictures
            encode_images --features ipc://sockets/features
            generate_captions
            front+=(--captions ipc://sockets/captions) ;;
        image-embedding)
            chain=embed-
            serve_images --list images.list --null --root images.list.pictures
            encode_images --embeddings ipc://sockets/image-embeddings
            front+=(--image-embeddings ipc://sockets/image-embeddings) ;;
        text-embedding)
            chain=embed-
            serve_texts --list texts.list --null
            encode_texts --embeddings ipc://sockets/text-embeddings
            front+=(--text-embeddings ipc://sockets/text-embeddings) ;;
        *) fail 2 "--tasks $task: caption, image-embedding or text-embedding" ;;
    esac
done
sink serve coca-serve --clients "$clients" "${front[@]}" "${pictures[@]}" "${weights[@]}" "${batch[@]}"
job_run --conductor serve
