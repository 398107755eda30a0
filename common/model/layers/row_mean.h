// Means over groups of equally many rows: out[g] = Σ_i in[g·n + i] / n.
#pragma once

#include "model/layers/planner.h"
#include "model/layers/spans.h"

struct row_mean {
    int64_t D;
    int heads;                  // of D elements together
    struct spans ask, in, mean; // where groups' question, rows and means lie
};

struct row_mean_state {
    void *question; // [D], zeros
    void *out;      // [G,D]
    real *lse;      // [G,heads]
};

struct row_mean_scratch {
    void *d_in;           // [G·n,D], the result
    void *d_ask, *d_keys; // [G,D], [G·n,D], which nothing reads
};

// G groups of n rows of D elements, which `heads` divide.
void row_mean_plan_lists(struct row_mean *mean, int G, int n, int64_t D, int heads, struct planner *planner);
void row_mean_fill_lists(struct ops *ops, const struct row_mean *mean, int G);
void row_mean_plan(struct row_mean_state *state, const struct row_mean *mean, int G, struct planner *planner);
void row_mean_plan_scratch(struct row_mean_scratch *scratch, const struct row_mean *mean, int G,
                           struct planner *planner);

// Of the first G groups: in[G·n,D] → state->out.
void row_mean_apply(struct ops *ops, const struct row_mean *mean, struct row_mean_state *state, const void *in, int G);
// d_out[G,D] → scratch->d_in.
void row_mean_backward(struct ops *ops, const struct row_mean *mean, const struct row_mean_state *state,
                       struct row_mean_scratch *scratch, const void *d_out, const void *in, int G);
