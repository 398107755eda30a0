// The image tower's end for a head that brings a pooler of its own: what stands before the tower's poolers, and nothing
// behind. The image tower calls it in image_pool.c's place.
#include "model/towers/image_states.h"

void image_states_find(struct image_states *states, const struct params *params, const struct image_pool_dims *dims) {
    states->normed = dims->norm_first;
    if (states->normed) states->ln_post = norm_find(params, "visual", "ln_post", dims->W);
}

void image_states_plan(struct image_states_state *state, void *tokens, int B, const struct image_pool_dims *dims,
                       struct planner *planner) {
    state->out = tokens;
    if (!dims->norm_first) return;
    norm_plan(&state->ln_post, B * dims->tokens, dims->W, planner);
    state->out = state->ln_post.out;
}

void *image_states_plan_scratch(void *d_tokens, int B, const struct image_pool_dims *dims, struct planner *planner) {
    return dims->norm_first ? plan_rows(planner, B * dims->tokens, dims->W) : d_tokens;
}

void image_states_apply(struct ops *ops, const struct image_states *states, struct image_states_state *state,
                        const void *tokens, int64_t R) {
    if (states->normed) norm_apply(ops, &states->ln_post, &state->ln_post, tokens, R);
}

void image_states_backward(struct ops *ops, const struct image_states *states, const struct image_states_state *state,
                           void *d_tokens, const void *d_states, const void *tokens, int64_t R) {
    if (states->normed) norm_backward(ops, &states->ln_post, &state->ln_post, d_tokens, d_states, tokens, R, false);
}
