// The caption losses of a step, gathered by loss.
#pragma once

#include "train/protocol.h"
#include "wire/hub.h"

struct captions {
    double nll; // Σ over the microbatches, in ascending m
    int64_t targets, samples;
};
int captions_take(struct captions *captions, struct edge *control, const struct step_order *order);
