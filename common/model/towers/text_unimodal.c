// The half that knows no picture: its token states are what the multimodal half goes on from, and its CLS row becomes
// the text embedding. Two gradients meet here, the caption loss's in the states and the contrastive loss's in the CLS
// rows, which is why there is one backward pass for both. Where rows lie is text_rows.c's; the text tower calls.
#include "model/towers/text_unimodal.h"

struct unimodal_dims unimodal_dims_of(const struct model_config *config) {
    const struct text_config *text = &config->text;
    return (struct unimodal_dims){.transformer = {.D = text->width,
                                                  .hidden = mlp_width(text->width, text->mlp_ratio),
                                                  .heads = text->heads,
                                                  .layers = text->layers,
                                                  .activation = config->activation},
                                  .E = config->embed_dim};
}

void unimodal_find(struct unimodal *half, const struct params *params, const struct model_config *config) {
    half->dims = unimodal_dims_of(config);
    half->token = params_weight(params, "text.token_embedding.weight");
    half->position = params_weight(params, "text.positional_embedding");
    half->cls = params_weight(params, "text.cls_emb");
    transformer_find(&half->transformer, params, "text.transformer", half->dims.transformer);
    half->ln_final = norm_find(params, "text", "ln_final", half->dims.transformer.D);
    half->text_projection =
        linear_matrix(params_weight(params, "text.text_projection"), half->dims.transformer.D, half->dims.E);
}

void unimodal_release(struct unimodal *half) {
    transformer_release(&half->transformer);
}

void unimodal_plan(struct unimodal_state *state, const struct text_rows *rows, const struct unimodal_dims *dims,
                   struct planner *planner) {
    int64_t R = rows->most_states, D = dims->transformer.D;
    int B = rows->batch;
    state->embedded = plan_rows(planner, R, D);
    state->cls = plan_rows(planner, B, D);
    norm_plan(&state->ln_final, B, D, planner);
    projection_plan(&state->projection, B, dims->E, planner);
    transformer_plan(&state->transformer, state->embedded, R, &dims->transformer, planner);
}

void unimodal_plan_scratch(struct unimodal_scratch *scratch, const struct text_rows *rows,
                           const struct unimodal_dims *dims, struct planner *planner) {
    int64_t R = rows->most_states, D = dims->transformer.D;
    int B = rows->batch;
    scratch->d_x = plan_rows(planner, R, D);
    scratch->d_norm = plan_rows(planner, B, D);
    scratch->d_cls = plan_rows(planner, B, D);
    projection_plan_scratch(&scratch->projection, B, dims->E, planner);
    transformer_plan_scratch(&scratch->transformer, R, &dims->transformer, planner);
}

static struct attention_pattern pattern_of(const struct text_rows *rows) {
    struct spans states = text_rows_state_spans(rows);
    return (struct attention_pattern){
        .B = rows->samples, .queries = states, .keys = states, .causal = true, .key_valid = text_rows_valid(rows)};
}

// Only CLS rows pass through ln_final; the states go on as the blocks left them.
void unimodal_apply(struct ops *ops, const struct unimodal *half, struct unimodal_state *state,
                    const struct text_rows *rows) {
    struct attention_pattern pattern = pattern_of(rows);
    int64_t D = half->dims.transformer.D;
    ops->embedding_forward(ops, state->embedded, half->token.value, half->cls.value, half->position.value,
                           text_rows_list(rows, ROW_TOKEN), text_rows_list(rows, ROW_PLACE), rows->states, D);
    transformer_apply(ops, &half->transformer, &state->transformer, state->embedded, &pattern);
    ops->gather_rows(ops, state->cls, state->transformer.out, text_rows_list(rows, ROW_CLS), rows->B, D);
    norm_apply(ops, &half->ln_final, &state->ln_final, state->cls, rows->B);
}

void unimodal_project(struct ops *ops, const struct unimodal *half, struct unimodal_state *state, float *embedding,
                      const struct text_rows *rows) {
    projection_apply(ops, &half->text_projection, &state->projection, embedding, state->ln_final.out, rows->B);
}

void unimodal_project_backward(struct ops *ops, const struct unimodal *half, const struct unimodal_state *state,
                               struct unimodal_scratch *scratch, const float *d_embedding,
                               const struct text_rows *rows) {
    projection_backward(ops, &half->text_projection, &state->projection, &scratch->projection, scratch->d_norm,
                        d_embedding, state->ln_final.out, rows->B);
}

// d_x += the gradient that the text embedding sends into the CLS rows.
static void cls_backward(struct ops *ops, const struct unimodal *half, const struct unimodal_state *state,
                         struct unimodal_scratch *scratch, const struct text_rows *rows) {
    norm_backward(ops, &half->ln_final, &state->ln_final, scratch->d_cls, scratch->d_norm, state->cls, rows->B, false);
    ops->scatter_add_rows(ops, scratch->d_x, scratch->d_cls, text_rows_list(rows, ROW_CLS), rows->B,
                          half->dims.transformer.D);
}

// Target rows and CLS rows are different rows, so each gradient has places of its own. The rest, EOS and padding that
// is seen, begin at zero and get theirs through attention. Token embeddings are added up row by row in ascending order
// by the backend, so that repeated words have the same sum each time.
void unimodal_backward(struct ops *ops, const struct unimodal *half, const struct unimodal_state *state,
                       struct unimodal_scratch *scratch, const void *d_states, bool embedding,
                       const struct text_rows *rows) {
    struct attention_pattern pattern = pattern_of(rows);
    int64_t D = half->dims.transformer.D;
    ops->zero(ops, scratch->d_x, (size_t)(rows->states * D) * dtype_size(ops->dtype));
    if (d_states) ops->scatter_add_rows(ops, scratch->d_x, d_states, text_rows_list(rows, ROW_STATE), rows->targets, D);
    if (embedding) cls_backward(ops, half, state, scratch, rows);
    transformer_backward(ops, &half->transformer, &state->transformer, &scratch->transformer, scratch->d_x,
                         state->embedded, &pattern);
    ops->embedding_backward(ops, half->token.gradient, half->cls.gradient, half->position.gradient, scratch->d_x,
                            text_rows_list(rows, ROW_TOKEN), text_rows_list(rows, ROW_PLACE), rows->states, D);
}
