// The last step of captioning: logits over the vocabulary and their cross-entropy, in chunks of rows, so that the
// logits [R,V] are never held whole; each chunk is overwritten by its gradient.
#pragma once

#include "model/layers/linear.h"
#include "model/layers/planner.h"

#define CAPTION_CHUNK 1024 // rows

struct caption_scratch {
    void *logits;  // [chunk,V]
    real *scale;   // of the gradient
    double *total; // Σ −log p
};

void caption_head_plan(struct caption_scratch *scratch, int64_t R, int64_t V, struct planner *planner);

// Before each run: clears the total, and says that gradients are those of scale·Σ −log p.
void caption_head_begin(struct ops *ops, struct caption_scratch *scratch, double scale);
// in[R,D], target[R] (−1: none) → d_in[R,D], unless NULL. logits, unless NULL, receives [R,V] of the compute type on
// the host.
void caption_head_run(struct ops *ops, const struct linear *head, struct caption_scratch *scratch, void *d_in,
                      void *logits, const void *in, const int32_t *target, int64_t R);
// Σ −log p over the targets of the run.
double caption_head_total(struct ops *ops, const struct caption_scratch *scratch);
