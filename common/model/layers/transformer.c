// A stack of blocks, for the ViT and the unimodal half; the multimodal half, whose layers also see features, has its
// own loop. Backwards the stack needs the input of every branch, so each output has its own place with training. A
// block's input is the block before's output, and is not stored twice.
#include "model/layers/transformer.h"

#include <stdlib.h>

#include "base/memory.h"

void transformer_find(struct transformer *transformer, const struct params *params, const char *prefix,
                      struct transformer_dims dims) {
    transformer->params = params;
    transformer->dims = dims;
    transformer->block = xcalloc((size_t)dims.layers, sizeof *transformer->block);
    for (int i = 0; i < dims.layers; i++) {
        char name[TENSOR_NAME];
        param_name(name, "%s.resblocks.%d", prefix, i);
        struct block *block = &transformer->block[i];
        block->attention = self_attention_find(params, name, dims.D, dims.heads);
        block->mlp = mlp_find(params, name, dims.D, dims.hidden, dims.activation);
        param_name(name, "%s.resblocks.%d.", prefix, i);
        block->count = params_named(params, name, &block->first);
    }
}

void transformer_release(struct transformer *transformer) {
    free(transformer->block);
}

void transformer_state_init(struct transformer_state *state, int layers) {
    state->block = xcalloc((size_t)layers, sizeof *state->block);
}

void transformer_state_release(struct transformer_state *state) {
    free(state->block);
}

// Without training a block is done with all that it made when the next one begins, so every block is planned at the
// same mark and lies in the same bytes.
void transformer_plan(struct transformer_state *state, void *in, int64_t R, const struct transformer_dims *dims,
                      struct planner *planner) {
    state->out = in;
    for (int i = 0; i < dims->layers; i++) {
        struct block_state *block = &state->block[i];
        size_t mark = arena_mark(planner->arena);
        self_attention_plan(&block->attention, state->out, R, dims->D, dims->heads, planner);
        mlp_plan(&block->mlp, block->attention.out, R, dims->D, dims->hidden, planner);
        state->out = block->mlp.out;
        if (!planner->train) arena_reset(planner->arena, mark);
    }
}

// Of the two branches one runs at a time, and only d_x lives on between them, which is the caller's.
void transformer_plan_scratch(struct transformer_scratch *scratch, int64_t R, const struct transformer_dims *dims,
                              struct planner *planner) {
    size_t mark = arena_mark(planner->arena);
    self_attention_plan_scratch(&scratch->attention, R, dims->D, planner);
    arena_reset(planner->arena, mark);
    mlp_plan_scratch(&scratch->mlp, R, dims->D, dims->hidden, planner);
    arena_reset(planner->arena, mark);
}

void transformer_apply(struct ops *ops, const struct transformer *transformer, struct transformer_state *state,
                       const void *in, const struct attention_pattern *pattern) {
    for (int i = 0; i < transformer->dims.layers; i++) {
        const struct block *block = &transformer->block[i];
        struct block_state *at = &state->block[i];
        self_attention_apply(ops, &block->attention, &at->attention, in, pattern);
        mlp_apply(ops, &block->mlp, &at->mlp, at->attention.out, pattern->queries.rows);
        in = at->mlp.out;
    }
}

void transformer_backward(struct ops *ops, const struct transformer *transformer, const struct transformer_state *state,
                          struct transformer_scratch *scratch, void *d_x, const void *in,
                          const struct attention_pattern *pattern) {
    for (int i = transformer->dims.layers - 1; i >= 0; i--) {
        const struct block *block = &transformer->block[i];
        const struct block_state *at = &state->block[i];
        const void *block_in = i ? state->block[i - 1].mlp.out : in;
        mlp_backward(ops, &block->mlp, &at->mlp, &scratch->mlp, d_x, at->attention.out, pattern->queries.rows);
        self_attention_backward(ops, &block->attention, &at->attention, &scratch->attention, d_x, block_in, pattern);
        params_final(transformer->params, block->first, block->count);
    }
}
