// The half that sees the picture. It runs over target rows only: states of tokens whose next token is asked for, of all
// captions one behind the other, so neither padding nor EOS nor CLS costs anything here. The text tower calls it
// between features and their gradient; the cached decoder takes its parameters and runs the layers over newest tokens
// alone.
#include "model/towers/text_multimodal.h"

#include <stdlib.h>

#include "base/memory.h"

struct multimodal_dims multimodal_dims_of(const struct model_config *config) {
    const struct decoder_config *decoder = &config->decoder;
    return (struct multimodal_dims){.D = decoder->width,
                                    .hidden = mlp_width(decoder->width, decoder->mlp_ratio),
                                    .V = config->text.vocab_size,
                                    .heads = decoder->heads,
                                    .layers = decoder->layers,
                                    .N = config_feature_tokens(config),
                                    .activation = config->activation,
                                    .self_mlp = decoder->self_mlp};
}

void multimodal_find(struct multimodal *half, const struct params *params, const struct model_config *config) {
    struct multimodal_dims dims = half->dims = multimodal_dims_of(config);
    half->layer = xcalloc((size_t)dims.layers, sizeof *half->layer);
    for (int i = 0; i < dims.layers; i++) {
        char self[TENSOR_NAME], cross[TENSOR_NAME];
        param_name(self, "text_decoder.resblocks.%d", i);
        param_name(cross, "text_decoder.cross_attn.%d", i);
        struct decoder_layer *layer = &half->layer[i];
        layer->self = self_attention_find(params, self, dims.D, dims.heads);
        if (dims.self_mlp) layer->self_mlp = mlp_find(params, self, dims.D, dims.hidden, dims.activation);
        layer->cross = cross_attention_find(params, cross, dims.D, dims.heads);
        layer->mlp = mlp_find(params, cross, dims.D, dims.hidden, dims.activation);
    }
    half->ln_final = norm_find(params, "text_decoder", "ln_final", dims.D);
    half->text_projection = linear_matrix(params_weight(params, "text_decoder.text_projection"), dims.D, dims.V);
}

void multimodal_release(struct multimodal *half) {
    free(half->layer);
}

void multimodal_state_init(struct multimodal_state *state, int layers) {
    state->layer = xcalloc((size_t)layers, sizeof *state->layer);
}

void multimodal_state_release(struct multimodal_state *state) {
    free(state->layer);
}

// Each branch reads what the one before wrote; with training all of them are kept.
static void plan_layer(struct decoder_layer_state *layer, void *in, int64_t R, int64_t Rk,
                       const struct multimodal_dims *dims, struct planner *planner) {
    self_attention_plan(&layer->self, in, R, dims->D, dims->heads, planner);
    layer->attended = layer->self.out;
    if (dims->self_mlp) {
        mlp_plan(&layer->self_mlp, layer->self.out, R, dims->D, dims->hidden, planner);
        layer->attended = layer->self_mlp.out;
    }
    cross_attention_plan(&layer->cross, layer->attended, R, Rk, dims->D, dims->heads, planner);
    mlp_plan(&layer->mlp, layer->cross.out, R, dims->D, dims->hidden, planner);
}

void multimodal_plan(struct multimodal_state *state, const struct text_rows *rows, const struct multimodal_dims *dims,
                     struct planner *planner) {
    int64_t R = rows->most_targets, Rk = (int64_t)rows->batch * dims->N;
    state->features = plan_rows(planner, Rk, dims->D);
    state->in = plan_rows(planner, R, dims->D);
    norm_plan(&state->ln_final, R, dims->D, planner);
    state->out = state->in;
    for (int i = 0; i < dims->layers; i++) {
        size_t mark = arena_mark(planner->arena);
        plan_layer(&state->layer[i], state->out, R, Rk, dims, planner);
        state->out = state->layer[i].mlp.out;
        if (!planner->train) arena_reset(planner->arena, mark);
    }
}

void multimodal_plan_scratch(struct multimodal_scratch *scratch, const struct text_rows *rows,
                             const struct multimodal_dims *dims, struct planner *planner) {
    int64_t R = rows->most_targets, Rk = (int64_t)rows->batch * dims->N;
    scratch->d_features = plan_rows(planner, Rk, dims->D);
    scratch->d_norm = plan_rows(planner, R, dims->D);
    size_t mark = arena_mark(planner->arena);
    self_attention_plan_scratch(&scratch->self, R, dims->D, planner);
    arena_reset(planner->arena, mark);
    cross_attention_plan_scratch(&scratch->cross, R, Rk, dims->D, planner);
    arena_reset(planner->arena, mark);
    mlp_plan_scratch(&scratch->mlp, R, dims->D, dims->hidden, planner);
    arena_reset(planner->arena, mark);
}

// Target row t of a caption is token t, so causal attention over its rows is that over its tokens without the last.
static struct attention_pattern self_pattern(const struct text_rows *rows) {
    struct spans targets = text_rows_target_spans(rows);
    return (struct attention_pattern){.B = rows->samples, .queries = targets, .keys = targets, .causal = true};
}

// Every row sees all features of its own picture. Filler samples have no features and get zeros.
static struct attention_pattern cross_pattern(const struct text_rows *rows) {
    return (struct attention_pattern){
        .B = rows->samples, .queries = text_rows_target_spans(rows), .keys = text_rows_feature_spans(rows)};
}

void multimodal_apply(struct ops *ops, const struct multimodal *half, struct multimodal_state *state,
                      const void *states, const struct text_rows *rows) {
    struct attention_pattern self = self_pattern(rows), cross = cross_pattern(rows);
    int64_t R = rows->targets, Rk = cross.keys.rows;
    ops->gather_rows(ops, state->in, states, text_rows_list(rows, ROW_STATE), R, half->dims.D);
    const void *in = state->in;
    for (int i = 0; i < half->dims.layers; i++) {
        const struct decoder_layer *layer = &half->layer[i];
        struct decoder_layer_state *at = &state->layer[i];
        self_attention_apply(ops, &layer->self, &at->self, in, &self);
        if (half->dims.self_mlp) mlp_apply(ops, &layer->self_mlp, &at->self_mlp, at->self.out, R);
        cross_attention_read(ops, &layer->cross, &at->cross, state->features, Rk);
        cross_attention_apply(ops, &layer->cross, &at->cross, at->attended, &cross);
        mlp_apply(ops, &layer->mlp, &at->mlp, at->cross.out, R);
        in = at->mlp.out;
    }
    norm_apply(ops, &half->ln_final, &state->ln_final, in, R);
}

// d_states begins as the gradient of ln_final's input and is led down the layers in place: each branch's backward pass
// finds the gradient of its output there and leaves that of its input. At the bottom it is the gradient of the gathered
// token states, which the text tower keeps until the unimodal half goes back. d_features gathers a summand a layer.
void multimodal_backward(struct ops *ops, const struct multimodal *half, const struct multimodal_state *state,
                         struct multimodal_scratch *scratch, void *d_states, const struct text_rows *rows) {
    struct attention_pattern self = self_pattern(rows), cross = cross_pattern(rows);
    int64_t R = rows->targets;
    ops->zero(ops, scratch->d_features, (size_t)(cross.keys.rows * half->dims.D) * dtype_size(ops->dtype));
    norm_backward(ops, &half->ln_final, &state->ln_final, d_states, scratch->d_norm, state->out, R, false);
    for (int i = half->dims.layers - 1; i >= 0; i--) {
        const struct decoder_layer *layer = &half->layer[i];
        const struct decoder_layer_state *at = &state->layer[i];
        const void *in = i ? state->layer[i - 1].mlp.out : state->in;
        mlp_backward(ops, &layer->mlp, &at->mlp, &scratch->mlp, d_states, at->cross.out, R);
        cross_attention_backward(ops, &layer->cross, &at->cross, &scratch->cross, d_states, scratch->d_features,
                                 at->attended, state->features, &cross);
        if (half->dims.self_mlp)
            mlp_backward(ops, &layer->self_mlp, &at->self_mlp, &scratch->mlp, d_states, at->self.out, R);
        self_attention_backward(ops, &layer->self, &at->self, &scratch->self, d_states, in, &self);
    }
}
