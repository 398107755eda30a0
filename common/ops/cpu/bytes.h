// Linear maps whose weights are int8, forward.
#pragma once

#include "ops/cpu/cpu.h"

// As linear_forward where `pre` is NULL, else as linear_activation_forward.
struct bytes_map {
    void *out, *pre;
    const void *in, *weight, *bias, *residual;
    struct linear_shape shape; // with a scale
    enum activation activation;
};

void bytes_forward(struct cpu *cpu, const struct bytes_map *map);
