#!/usr/bin/env bash
# Captions for a whole data set: for each shard one of the same name, with the captions of its pictures in it.
#
#   pipelines/relabel.sh --run RUN|--pretrained DIR --from 'SHARDS' --to DIR [options]
#   pipelines/relabel.sh --to DIR --once [--json]                                how far the job is, for people or for scripts
#   pipelines/relabel.sh --to DIR --page FILE [--results 100] [--seed 0]         a page of results at random, with their pictures
#
# SHARDS are tars of webdataset or img2dataset, JSON lines with a picture's path or bytes (base64) in each, both also
# compressed (.gz, .zst, .xz, .bz2), and folders of img2dataset's "files": paths, http(s)://, s3:// or pipe:COMMAND, several
# joined by ::, with {00000..00329} or {a,b} in them, or a pattern of files (quoted); --from may be given again. --to is a folder,
# or s3://BUCKET/PREFIX or http://HOST/PREFIX.
#
#   --captions N         captions a picture (1): draws of --sample, or the N best of --num-beams
#   --key NAME           of the list of captions in a sample's JSON (syn_text)
#   --embeddings image,text   image, text or both: of pictures and of captions, beside them
#   --filter-clipscore X      captions of a lower CLIPScore are left out
#   --format tar|jsonl   what is written: as it came, or for tars JSON lines too
#   --part I/N           of N parts of the list the I-th, from 0: for job arrays. Without it any number of hosts may work on one
#                        --to that all of them see: each takes shards that nobody has
#   --claim-expiry SECONDS    after which a shard whose owner gave no sign of life is anybody's (60)
#
# How captions are made, as `coca-text-decode --help` says: --sample with --temperature, --top-k, --top-p, --seed; --num-beams,
# --num-beam-groups, --diversity-penalty; --prompt, --stop-at, --min-length, --max-length, --repetition-penalty. Besides, as
# `caption.sh --help` says: --precision, --device, --threads, --replicas, --workers, --microbatch, --max-picture-bytes. Copies of
# shards that are compressed or elsewhere are made under TMPDIR, a few at a time.
#
# Interrupted at any moment and started again with the same settings, a job goes on where it was, and its shards have the same
# bytes. Draws depend on --seed, the shard's name, the sample's key and the caption's number. How members, JSON and embeddings
# are written, `coca-relabel run --help` says; what --once prints, `coca-relabel status --help`, which also watches a job.
# pipelines/hosts/ starts one on many hosts, under Slurm or Kubernetes.
#
# Samples without a picture that can be had stay as they are, counted and named in NAME_stats.json, and the exit code is 3 at the
# end, also where a shard could not be read; others: 1 run-time failure, 2 bad usage or other settings than --to was begun with,
# 4 a stage was lost.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/weights.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

# from_here SHARDS: each of the patterns in it that is a path, absolute, since stages work in the job's directory.
from_here() {
    local rest=$1:: part made=''
    [[ $1 == pipe:* ]] && { printf %s "$1"; return; }
    while [[ $rest ]]; do
        part=${rest%%::*} rest=${rest#*::}
        [[ $part == @(/*|*://*) ]] || part=$PWD/$part
        made+=${made:+::}$part
    done
    printf %s "$made"
}

read_options "$@"
to='' page='' once=() look=()
take_value to to
take_value page page
take once once
[[ $to ]] || fail 2 "give --to DIR"
# Where these are, what else was given for the job does not matter.
if ((${#once[@]})); then
    take look 'json|claim-expiry'
    exec coca-relabel status "${once[@]}" "${look[@]}" -- "$to"
elif [[ $page ]]; then
    take look 'results|seed'
    exec coca-relabel page --html "$page" "${look[@]}" -- "$to"
fi
weights_find
from=() shards=() captions='' embeddings='' embed=() with=() write=()
take batch microbatch
take generate "$generation"
take from from
take shards 'format|part|claim-expiry|key|filter-clipscore'
take_value COCA_WORKERS workers
take_value captions captions
take_value embeddings embeddings
((${#operands[@]} == 0)) || fail 2 "${operands[0]}: shards are given with --from 'SHARDS'"
((${#from[@]})) || fail 2 "give --from 'SHARDS'"
[[ $to == @(/*|*://*) ]] || to=$PWD/$to
for option in "${!from[@]}"; do from[option]=--from=$(from_here "${from[option]#*=}"); done
[[ ! $captions ]] || generate+=("--num-captions=$captions")
[[ ! $embeddings ]] || write=("--write-embeddings=$embeddings")
# Scores need both, and a file of one kind that one.
[[ $embeddings == *image* || " ${shards[*]}" == *' --filter-clipscore'* ]] && embed=(--with-embedding)
[[ $embeddings == *text* || " ${shards[*]}" == *' --filter-clipscore'* ]] && with=(--caption-embeddings)
weights+=("${options[@]}")

job_scratch
: >"$job_dir/list"
wait_for_ever
serve_images --list list --null --extents
encode_images --features ipc://sockets/features "${embed[@]}"
generate_captions "${with[@]}"
sink relabel coca-relabel run --captions ipc://sockets/captions "${weights[@]}" "${batch[@]}" "${generate[@]}" "${pictures[@]}" \
    "${from[@]}" --to "$to" "${shards[@]}" "${write[@]}"
job_run --times
