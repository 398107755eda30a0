// How the image tower ends where a head reads its states: with the tokens as its first pooler would read them, behind
// ln_post, or behind the blocks where ln_post stands behind the one pooler (image_pool.h).
#pragma once

#include "model/towers/image_pool.h"

struct image_states {
    bool normed; // by ln_post; else the states are the tokens
    struct norm ln_post;
};

struct image_states_state {
    struct norm_state ln_post;
    void *out; // [B·N,W]
};

void image_states_find(struct image_states *states, const struct params *params, const struct image_pool_dims *dims);
// tokens[B·N,W]: where they will lie.
void image_states_plan(struct image_states_state *state, void *tokens, int B, const struct image_pool_dims *dims,
                       struct planner *planner);
// Where the caller puts the gradient of the states: d_tokens itself where the states are the tokens.
void *image_states_plan_scratch(void *d_tokens, int B, const struct image_pool_dims *dims, struct planner *planner);

// tokens[R,W] → state->out.
void image_states_apply(struct ops *ops, const struct image_states *states, struct image_states_state *state,
                        const void *tokens, int64_t R);
// d_states[R,W], of image_states_plan_scratch → d_tokens[R,W].
void image_states_backward(struct ops *ops, const struct image_states *states, const struct image_states_state *state,
                           void *d_tokens, const void *d_states, const void *tokens, int64_t R);
