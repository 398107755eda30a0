// What the passes over the unimodal half, over captions and for a head are made of.
#include <inttypes.h>
#include <string.h>

#include "text_decode.h"
#include "train/outputs.h"

static const struct model_config *config(const struct text_decode *self) {
    return &self->base.part.config;
}

struct encoder text_decode_use(const struct text_decode *self) {
    return (struct encoder){&self->base, self->passes.repeats, self->for_head};
}

struct shape passes_features_shape(const struct text_decode *self, int64_t B) {
    const struct encoder use = text_decode_use(self);
    return encoder_features(&use, B);
}

int passes_set(const struct text_decode *self, const struct work *work) {
    return self->passes.sets > 1 ? work->slot : 0;
}

// A row of tokens for each picture that goes with them.
static const int32_t *repeat(const struct text_decode *self, const int32_t *tokens, int B) {
    const int T = config(self)->text.context_length, repeats = self->passes.repeats;
    if (repeats == 1) return tokens;
    for (int row = 0; row < B * repeats; row++)
        memcpy(self->passes.repeated + row * T, tokens + row / repeats * T, (size_t)T * sizeof *tokens);
    return self->passes.repeated;
}

int passes_forward(struct text_decode *self, const struct work *work, float *embedding) {
    const struct message *message = self->passes.tokens[work->slot];
    const void *tokens;
    int B = message->unit.samples;
    int status =
        input_tensor(work, message, TENSOR_TOKENS, DT_I32, SHAPE(B, config(self)->text.context_length), &tokens);
    self->passes.held = work->microbatch;
    if (status || !B) return status;
    return text_tower_forward(self->passes.tower, passes_set(self, work), B * self->passes.repeats,
                              repeat(self, tokens, B), embedding);
}

bool passes_lost(const struct text_decode *self, const struct work *work) {
    return self->passes.sets < work->own && self->passes.held != work->microbatch;
}

// The mean is over the targets of the global batch, all ranks' microbatches, each as often as there are pictures with
// it.
int passes_scale(void *context, const struct work *work) {
    struct text_decode *self = context;
    int64_t targets = self->passes.targets;
    int status = work->train ? stateful_add_up(&self->base, &targets) : 0;
    self->passes.scale = targets ? self->base.run.options.caption_weight / (double)targets : 0;
    return status;
}

static int check_partner(const struct message *features, const struct message *tokens) {
    if (features->unit.samples == tokens->unit.samples) return ids_compare(features, tokens);
    return error(EXIT_RUN, "step %" PRId64 ", microbatch %d: features of %d pictures, but %d captions",
                 features->unit.step, features->unit.microbatch, features->unit.samples, tokens->unit.samples);
}

int passes_features(struct text_decode *self, const struct work *work, const struct message *message,
                    const void **features) {
    int status = check_partner(message, self->passes.tokens[work->slot]);
    return status ? status
                  : input_rows(work, message, TENSOR_FEATURES, self->base.part.ops->dtype,
                               passes_features_shape(self, message->unit.samples), &self->passes.features, features);
}

void passes_save_state_gradient(struct text_decode *self, const struct work *work) {
    void *kept = self->passes.state_gradient[work->slot];
    if (kept) text_tower_save_state_gradient(self->passes.tower, passes_set(self, work), kept);
}
