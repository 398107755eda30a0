// The last step of both embeddings: a matrix [D,E] without bias, then L2 normalisation. Where `matrix` is NULL it is the
// normalisation alone, and D is E.
#pragma once

#include "model/layers/linear.h"
#include "model/layers/planner.h"

struct projection_state {
    int64_t E;
    void *projected;        // [B,E], without a matrix unused
    real *embedding, *norm; // [B,E], [B]
};

struct projection_scratch {
    real *d_embedding; // [B,E]
    void *d_projected; // [B,E]
};

void projection_plan(struct projection_state *state, int B, int64_t E, struct planner *planner);
void projection_plan_scratch(struct projection_scratch *scratch, int B, int64_t E, struct planner *planner);

// in[B,D] → state->embedding, copied to the host unless `embedding` is NULL.
void projection_apply(struct ops *ops, const struct linear *matrix, struct projection_state *state, float *embedding,
                      const void *in, int B);
// The host's d_embedding[B,E] → d_in[B,D].
void projection_backward(struct ops *ops, const struct linear *matrix, const struct projection_state *state,
                         struct projection_scratch *scratch, void *d_in, const float *d_embedding, const void *in,
                         int B);
