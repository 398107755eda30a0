#!/usr/bin/env bats
# The real processes against PyTorch: outputs, gradients, losses and four AdamW steps of each model in tests/parity.

load tiny.bash
load ../parity/hold.bash
PARITY=$BATS_TEST_DIRNAME/../parity
TRAIN=$BATS_TEST_DIRNAME/../../pipelines/train.sh
PARITY_OPTIONS=(--threads 1,1)

setup() { cd "$(mktemp -d)"; }
teardown() { rm -rf "$PWD"; }

@test "one microbatch" { hold 1; }
@test "two microbatches" { hold 2; }
@test "microbatches of one sample" { hold 0; }
