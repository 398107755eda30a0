// Makes embeddings, of pictures and of texts alike. They are f32 whatever the compute type, since they leave the
// process: the contrastive loss compares them with those of the whole batch and answers with d_embedding. Both
// directions touch host memory, so towers call this outside of the operations that a device records.
#include "model/layers/projection.h"

void projection_plan(struct projection_state *state, int B, int64_t E, struct planner *planner) {
    state->E = E;
    state->projected = plan_rows(planner, B, E);
    state->embedding = plan_reals(planner, B * E);
    state->norm = plan_reals(planner, B);
}

void projection_plan_scratch(struct projection_scratch *scratch, int B, int64_t E, struct planner *planner) {
    scratch->d_embedding = plan_reals(planner, B * E);
    scratch->d_projected = plan_rows(planner, B, E);
}

void projection_apply(struct ops *ops, const struct linear *matrix, struct projection_state *state, float *embedding,
                      const void *in, int B) {
    if (matrix) linear_apply(ops, matrix, state->projected, in, NULL, B);
    ops->normalize_forward(ops, state->embedding, state->norm, matrix ? state->projected : in, B, state->E);
    if (embedding) ops->download(ops, embedding, state->embedding, (size_t)(B * state->E) * sizeof *embedding);
}

// With e = y/‖y‖ the gradient of y is (d_e − e·(e·d_e))/‖y‖: only what is perpendicular to e moves it. Hence e and the
// norm are kept.
void projection_backward(struct ops *ops, const struct linear *matrix, const struct projection_state *state,
                         struct projection_scratch *scratch, void *d_in, const float *d_embedding, const void *in,
                         int B) {
    int64_t E = state->E;
    ops->upload(ops, scratch->d_embedding, d_embedding, (size_t)(B * E) * sizeof *d_embedding);
    ops->normalize_backward(ops, matrix ? scratch->d_projected : d_in, scratch->d_embedding, state->embedding,
                            state->norm, B, E);
    if (matrix) linear_backward(ops, matrix, d_in, scratch->d_projected, in, B);
}
