// The unimodal half of all microbatches first, which needs no picture; then, as features arrive, the multimodal half
// forward and backward; then, with the gradients of the embeddings, the unimodal half backward.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "text_decode.h"
#include "train/outputs.h"

static const struct model_config *config(const struct text_decode *self) {
    return &self->base.part.config;
}

static enum dtype dtype(const struct text_decode *self) {
    return self->base.part.ops->dtype;
}

// ---- life

static int64_t state_gradient_bytes(const struct text_decode *self, int64_t microbatch) {
    return text_state_bytes(config(self), dtype(self), (int)microbatch * self->passes.repeats);
}

void passes_open(struct text_decode *self) {
    int64_t B = self->base.run.options.microbatch;
    int M = stateful_own(&self->base, B);
    const struct encoder use = text_decode_use(self);
    const struct tower_plan plan = encoder_plan(&use, self->base.run.options.recompute, B);
    const bool multimodal = self->for_head || self->base.run.options.caption_weight > 0;
    self->passes.sets = plan.sets;
    self->passes.tower = text_tower_new(config(self), self->base.part.params, plan);
    self->passes.tokens = xcalloc((size_t)M, sizeof *self->passes.tokens);
    self->passes.state_gradient = xcalloc((size_t)M, sizeof *self->passes.state_gradient);
    if (plan.train && plan.sets < M && multimodal)
        for (int m = 0; m < M; m++) self->passes.state_gradient[m] = xaligned((size_t)state_gradient_bytes(self, B));
    if (self->passes.repeats > 1)
        self->passes.repeated =
            xcalloc((size_t)(plan.batch * config(self)->text.context_length), sizeof *self->passes.repeated);
}

void passes_close(struct text_decode *self) {
    for (int m = 0; self->passes.tokens && m < stateful_own(&self->base, self->base.run.options.microbatch); m++) {
        message_free(&self->passes.tokens[m]);
        free(self->passes.state_gradient[m]);
    }
    free(self->passes.tokens);
    free(self->passes.state_gradient);
    free(self->passes.logits);
    free(self->passes.repeated);
    states_close(self);
    slots_free(&self->passes.slots);
    slot_reader_close(&self->passes.features);
    if (self->passes.tower) text_tower_free(&self->passes.tower);
    self->passes = (struct passes){0};
}

// ---- the unimodal half

// With one set for several microbatches: fills it again when it holds another one.
static int recompute(struct text_decode *self, const struct work *work) {
    return passes_lost(self, work) ? passes_forward(self, work, NULL) : 0;
}

static int unimodal_begin(void *context, const struct work *work) {
    struct text_decode *self = context;
    (void)work;
    self->passes.targets = 0;
    return 0;
}

static int unimodal(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    struct message **tokens = &self->passes.tokens[work->slot];
    message_free(tokens);
    *tokens = taken[0];
    taken[0] = NULL;
    int B = (*tokens)->unit.samples;
    struct message *embeddings = self->embeddings.edge ? output_new(work, *tokens) : NULL;
    float *rows =
        embeddings ? message_add(embeddings, TENSOR_EMBEDDING, DT_F32, SHAPE(B, config(self)->embed_dim)) : NULL;
    int status = passes_forward(self, work, rows);
    if (!status && B)
        self->passes.targets +=
            text_targets(config(self), message_find(*tokens, TENSOR_TOKENS)->data, B) * self->passes.repeats;
    if (!status && embeddings) status = output_check_embedding(work, embeddings);
    if (!status && embeddings)
        return channel_send(&self->embeddings, work->microbatch, work->microbatches, &embeddings);
    message_free(&embeddings);
    return status;
}

static int unimodal_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    const void *d_embedding = NULL;
    int64_t B = self->base.run.options.microbatch;
    int status = taken[0] ? input_tensor(work, taken[0], TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, config(self)->embed_dim),
                                         &d_embedding)
                          : 0;
    if (!status) status = recompute(self, work);
    if (status) return status;
    if (self->passes.state_gradient[work->slot])
        text_tower_load_state_gradient(self->passes.tower, passes_set(self, work),
                                       self->passes.state_gradient[work->slot]);
    text_tower_backward(self->passes.tower, passes_set(self, work), d_embedding);
    return 0;
}

// ---- the multimodal half

static float *dumped_logits(struct text_decode *self, const struct work *work) {
    int64_t row = (config(self)->text.context_length - 1) * (int64_t)config(self)->text.vocab_size;
    if (!work->dump || work->batch > self->base.run.options.dump_limit / row) return NULL;
    if (!self->passes.logits)
        self->passes.logits = xcalloc((size_t)(work->own * work->B * row), sizeof *self->passes.logits);
    return self->passes.logits + work->slot * work->B * row;
}

// Loss, and with `d_features` its backward pass.
static struct caption_result caption(struct text_decode *self, const struct work *work, int B, const void *features,
                                     void *d_features) {
    struct caption_result result = {0};
    if (B)
        result = text_tower_caption(self->passes.tower, passes_set(self, work), features, self->passes.scale,
                                    d_features, dumped_logits(self, work));
    if (d_features) passes_save_state_gradient(self, work);
    return result;
}

static int multimodal(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    const void *features;
    int B = taken[0]->unit.samples;
    int status = passes_features(self, work, taken[0], &features);
    if (!status) status = recompute(self, work);
    if (status) return status;
    struct message *gradient = work->train && stateful_tunes(&self->base) ? output_new(work, taken[0]) : NULL;
    void *d_features = gradient ? slots_add(self->passes.slots, work->slot, gradient, TENSOR_D_FEATURES, dtype(self),
                                            passes_features_shape(self, B))
                                : NULL;
    struct caption_result result = caption(self, work, B, features, d_features);
    if (gradient && self->features_grad.edge)
        status = channel_send(&self->features_grad, work->microbatch, work->microbatches, &gradient);
    message_free(&gradient);
    return status ? status
                  : report_loss(&self->control, &text_row.losses[0], result.nll, result.targets, taken[0]->unit);
}

// ---- the follower

static int outputs(void *context, struct tensor *tensor) {
    struct text_decode *self = context;
    const struct text_config *text = &config(self)->text;
    if (!self->passes.logits) return 0;
    const int64_t B = self->base.run.options.microbatch, own = stateful_own(&self->base, B) * B;
    *tensor = (struct tensor){.name = "logits",
                              .dtype = DT_F32,
                              .shape = SHAPE(own, text->context_length - 1, text->vocab_size),
                              .data = self->passes.logits};
    return 1;
}

void passes_describe(struct text_decode *self, struct follower *follower) {
    const struct channel features = edges_channel(&self->base.edges, "features");
    size_t bytes = (size_t)shape_bytes(passes_features_shape(self, self->base.run.options.microbatch), dtype(self));
    self->phase[0] = (struct phase){.name = "unimodal",
                                    .take = {edges_channel(&self->base.edges, "tokens")},
                                    .pulls = true,
                                    .enabled = true,
                                    .begin = unimodal_begin,
                                    .run = unimodal};
    self->phase[1] = (struct phase){.name = "multimodal",
                                    .take = {features},
                                    .enabled = features.edge && !self->for_head,
                                    .gradients = "text_decoder.",
                                    .begin = passes_scale,
                                    .run = multimodal};
    self->phase[2] = (struct phase){
        .name = "states", .take = {features}, .enabled = features.edge && self->for_head, .run = states_forward};
    self->phase[3] = (struct phase){.name = "states backward",
                                    .take = {edges_channel(&self->base.edges, "states-grad")},
                                    .enabled = self->for_head && stateful_tunes(&self->base),
                                    .backward = true,
                                    .gradients = "text_decoder.",
                                    .begin = passes_scale,
                                    .run = states_backward};
    self->phase[4] = (struct phase){.name = "unimodal backward",
                                    .take = {edges_channel(&self->base.edges, "embeddings-grad")},
                                    .enabled = stateful_tunes(&self->base),
                                    .backward = true,
                                    .gradients = "text.",
                                    .run = unimodal_backward};
    follower->phases = TEXT_PHASES;
    follower->window = encoder_text_window(&self->base);
    follower->outputs = outputs;
    self->passes.slots = slots_new(&self->base.part, &self->features_grad,
                                   stateful_own(&self->base, self->base.run.options.microbatch), bytes);
    self->passes.features.ops = self->base.part.ops;
    if (self->for_head) states_open(self);
}
