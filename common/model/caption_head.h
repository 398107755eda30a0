// The last step of captioning: logits over the vocabulary and their cross-entropy, in chunks of rows, so that the
// logits [R,V] are never held whole; each chunk is overwritten by its gradient.
#pragma once

#include "model/linear.h"
#include "model/planner.h"

#define CAPTION_CHUNK 1024 // rows

struct caption_scratch {
    void *logits;  // [chunk,V]
    double *total; // Σ −log p
};

void caption_head_plan(struct caption_scratch *scratch, int64_t R, int64_t V, struct planner *planner);

// in[R,D], target[R] (−1: none) → Σ −log p over the targets. d_in[R,D], unless NULL, becomes the gradient of `scale`
// times that. logits, unless NULL, receives [R,V] of the compute type on the host.
double caption_head_run(struct ops *ops, const struct linear *head, struct caption_scratch *scratch, void *d_in,
                        void *logits, const void *in, const int32_t *target, double scale, int64_t R);
