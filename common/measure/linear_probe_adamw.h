// CLIP_benchmark's fit of a linear layer. Private to linear probes.
#pragma once

#include "measure/softmax_regression.h"

// Trains the layer from random weights by ten epochs of AdamW on batches of 64, the rate falling from 0.1 along a
// cosine. Equal seeds give equal first weights and orders. By one thread.
void linear_probe_adamw(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                        double weight_decay, uint64_t seed, double *parameters);
