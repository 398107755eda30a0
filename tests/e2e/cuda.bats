#!/usr/bin/env bats
# The real processes with the CUDA backend: on a GPU, or in the sanitizers' build with its sources on the CPU
# (tests/cuda/device.h).

load tiny.bash
load ../parity/hold.bash
PARITY=$BATS_TEST_DIRNAME/../parity
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh

setup() {
    cd "$(mktemp -d)"
    export COCA_CUDA_CACHE=$PWD/choices
    local object=$COCA_BIN/../lib/coca_cuda.so
    [[ -e $object ]] || skip "the build has no CUDA backend: nvcc was not found"
    grep -q stand_in "$object" || [[ -e /dev/nvidiactl ]] || skip "there is no GPU"
}
teardown() { rm -rf "$PWD"; }

@test "golden models on one GPU" {
    PARITY_OPTIONS=(--device cuda:0)
    hold 2
}

@test "golden models on two GPUs" {
    PARITY_OPTIONS=(--device cuda:0,cuda:1)
    hold 1
}

@test "golden models, image on the GPU and text on the CPU" {
    PARITY_OPTIONS=(--device cuda:0,cpu --threads 1,1)
    hold 2
}
