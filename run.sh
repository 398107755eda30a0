#!/usr/bin/env bash
# The one command.
#
#   ./run.sh          installs what is missing, builds, prepares the default data, trains, evaluates and captions
#   ./run.sh build    installs and builds; `build all` what only some jobs need, too: FFmpeg for videos, libcurl for
#                     shards on servers, MPI for replicas
#   ./run.sh data     installs, builds, prepares the default data
#   ./run.sh test     installs, builds with the sanitizers and without, runs every test
#   ./run.sh bench    installs, builds, measures against the limits of README.md
#
# A second call does what is left to do. Training sees as many samples as the accuracy needs, but takes no longer than
# COCA_SECONDS (600).
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")"

# libpcre2: the words of CLIP's tokenizer. libunistring: capitals and composition as in the Unicode of open_clip's Python.
packages=(gcc g++ make pkg-config libzmq3-dev libmsgpack-dev liblmdb-dev libjpeg62-turbo-dev libspng-dev libwebp-dev
    libdnnl-dev libjansson-dev libsentencepiece-dev sentencepiece libarchive-dev zlib1g-dev
    libpcre2-dev libunistring-dev libstemmer-dev)
# What only some jobs need: a shared object of its own for each, left out where it is missing.
more_packages=(libavformat-dev libavcodec-dev libswscale-dev libcurl4-openssl-dev openmpi-bin libopenmpi-dev mpich libmpich-dev)
test_packages=("${more_packages[@]}" ffmpeg libcmocka-dev bats clang libclang-rt-14-dev jq parallel procps xsltproc
    iproute2 slurmctld slurmd slurm-client python3-yaml)

say() { printf '\n== %s\n' "$*" >&2; }

# install PACKAGE ...: those that are missing.
install() {
    local missing=() name
    for name in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    local sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

declare -A took
# timed NAME COMMAND ...: keeps how long it took for the closing table.
timed() {
    local name=$1 start=$SECONDS
    shift
    say "$name"
    "$@"
    took[$name]=$((SECONDS - start))
}

build() { make -s -j"$(nproc)" all; }
prepare_data() { data/prepare.sh; }

main_job() {
    timed build build
    timed data prepare_data
    timed training pipelines/default.sh train
    timed evaluation pipelines/default.sh evaluate
    timed captions pipelines/default.sh captions
    say "done"
    local part
    for part in build data training evaluation captions; do printf '%-12s %4d s\n' "$part" "${took[$part]}"; done >&2
    cat >&2 <<EOF
the model           runs/default/model
its captions        runs/default/captions.html
results             runs/default/results.json
metrics             runs/default/metrics.jsonl
logs                runs/default/log
EOF
}

case ${1:-} in
    '') install "${packages[@]}"; main_job ;;
    build)
        install "${packages[@]}"
        [[ ${2:-} != all ]] || install "${more_packages[@]}"
        build
        ;;
    data) install "${packages[@]}"; build; prepare_data ;;
    test) install "${packages[@]}" "${test_packages[@]}"; shift; exec tests/run.sh "$@" ;;
    bench) install "${packages[@]}"; build; exec make -s bench ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
