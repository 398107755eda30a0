// The unimodal half of all microbatches first, which needs no picture; then, as features arrive, the multimodal half
// forward and backward; then, with the gradients of the embeddings, the unimodal half backward.
#include <inttypes.h>
#include <stdlib.h>

#include "run/run_options.h"
#include "text_decode.h"
#include "train/edges.h"
#include "train/outputs.h"
#include "train/slots.h"

static struct passes {
    struct text_tower *tower;
    int sets;
    struct message **tokens; // [M] of the step
    void **state_gradient;   // [M] with one set: from the multimodal to the unimodal backward pass
    int held;                // with one set: whose activations are in it
    int64_t targets;         // of the step's own microbatches
    double scale;            // λ_cap / targets
    float *logits;           // [G,T-1,V] of a dumped step
    struct slots *slots;     // of d_features, or NULL
    struct slot_reader features;
} self;

static const struct model_config *config(void) {
    return &text_decode.part.config;
}

static enum dtype dtype(void) {
    return text_decode.part.ops->dtype;
}

static struct shape features_shape(int64_t B) {
    return SHAPE(B, config_feature_tokens(config()), config()->decoder.width);
}

// ---- life

int passes_sets(int recompute, int64_t microbatch) {
    return text_decode.train && recompute == RECOMPUTE_NONE ? (int)(run_options.batch_size / microbatch) : 1;
}

void passes_add_bytes(struct memory_bytes *bytes, int recompute, int64_t microbatch, int ahead) {
    int64_t M = run_options.batch_size / microbatch;
    int sets = passes_sets(recompute, microbatch);
    struct tower_plan plan = {(int)microbatch, sets, text_decode.train};
    struct memory_bytes features =
        slots_bytes(&text_decode.part, text_decode.train ? M : 1, shape_bytes(features_shape(microbatch), dtype()));
    bytes->device += text_tower_bytes(config(), text_decode.part.ops, plan) + features.device;
    bytes->host += microbatch * config()->text.context_length * (int64_t)sizeof(int32_t) * (M + ahead + 1);
    bytes->host += features.host;
    if (text_decode.train && sets < M) bytes->host += M * text_state_bytes(config(), dtype(), (int)microbatch);
}

void passes_open(void) {
    int64_t B = run_options.microbatch;
    int M = run_microbatches();
    self.sets = passes_sets(run_options.recompute, B);
    struct tower_plan plan = {(int)B, self.sets, text_decode.train};
    self.tower = text_tower_new(config(), text_decode.part.params, plan);
    self.tokens = xcalloc((size_t)M, sizeof *self.tokens);
    self.state_gradient = xcalloc((size_t)M, sizeof *self.state_gradient);
    if (text_decode.train && self.sets < M && run_options.caption_weight > 0)
        for (int m = 0; m < M; m++)
            self.state_gradient[m] = xaligned((size_t)text_state_bytes(config(), dtype(), (int)B));
}

void passes_close(void) {
    for (int m = 0; self.tokens && m < run_microbatches(); m++) {
        if (self.tokens[m]) message_free(&self.tokens[m]);
        free(self.state_gradient[m]);
    }
    free(self.tokens);
    free(self.state_gradient);
    free(self.logits);
    slots_free(&self.slots);
    slot_reader_close(&self.features);
    if (self.tower) text_tower_free(&self.tower);
    self = (struct passes){0};
}

// ---- the unimodal half

static int set_of(const struct work *work) {
    return self.sets > 1 ? work->slot : 0;
}

static int forward(const struct work *work, float *embedding) {
    const struct message *message = self.tokens[work->slot];
    const void *tokens;
    int B = message->unit.samples;
    int status = input_tensor(work, message, TENSOR_TOKENS, DT_I32, SHAPE(B, config()->text.context_length), &tokens);
    self.held = work->microbatch;
    if (status || !B) return status;
    return text_tower_forward(self.tower, set_of(work), B, tokens, embedding);
}

// With one set for several microbatches: fills it again when it holds another one.
static int recompute(const struct work *work) {
    bool lost = self.sets < work->microbatches && self.held != work->microbatch;
    return lost ? forward(work, NULL) : 0;
}

static int unimodal_begin(void *context, const struct work *work) {
    (void)context;
    (void)work;
    self.targets = 0;
    return 0;
}

static int unimodal(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    (void)context;
    struct message **tokens = &self.tokens[work->slot];
    if (*tokens) message_free(tokens);
    *tokens = taken[0];
    taken[0] = NULL;
    int B = (*tokens)->unit.samples;
    struct message *embeddings = text_decode.embeddings ? output_new(work, *tokens) : NULL;
    float *rows = embeddings ? message_add(embeddings, TENSOR_EMBEDDING, DT_F32, SHAPE(B, config()->embed_dim)) : NULL;
    int status = forward(work, rows);
    if (!status && B) self.targets += text_targets(config(), message_find(*tokens, TENSOR_TOKENS)->data, B);
    if (!status && embeddings) return edge_send(text_decode.embeddings, ANYBODY, &embeddings);
    if (embeddings) message_free(&embeddings);
    return status;
}

static int unimodal_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    (void)context;
    const void *d_embedding = NULL;
    int64_t B = run_options.microbatch;
    int status =
        taken[0] ? input_tensor(work, taken[0], TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, config()->embed_dim), &d_embedding)
                 : 0;
    if (!status) status = recompute(work);
    if (status) return status;
    if (self.state_gradient[work->slot])
        text_tower_load_state_gradient(self.tower, set_of(work), self.state_gradient[work->slot]);
    text_tower_backward(self.tower, set_of(work), d_embedding);
    return 0;
}

// ---- the multimodal half

// The mean is over the targets of the global batch. Replicas will add theirs here.
static int multimodal_begin(void *context, const struct work *work) {
    (void)context;
    (void)work;
    self.scale = self.targets ? run_options.caption_weight / (double)self.targets : 0;
    return 0;
}

static float *dumped_logits(const struct work *work, int64_t B) {
    int64_t row = (config()->text.context_length - 1) * (int64_t)config()->text.vocab_size;
    if (!work->dump || work->batch > run_options.dump_limit / row) return NULL;
    if (!self.logits) self.logits = xcalloc((size_t)(work->batch * row), sizeof *self.logits);
    return self.logits + work->microbatch * B * row;
}

static int report(const struct work *work, const struct caption_report *caption, struct unit unit) {
    if (!text_decode.control) {
        note("step %" PRId64 ", microbatch %d: caption loss %.9g over %" PRId64 " targets", work->step,
             work->microbatch, caption->targets ? caption->nll / (double)caption->targets : 0, caption->targets);
        return 0;
    }
    struct message *message = caption_pack(caption, unit);
    return edge_send(text_decode.control, ANYBODY, &message);
}

static int check_partner(const struct message *features, const struct message *tokens) {
    if (features->unit.samples == tokens->unit.samples) return ids_compare(features, tokens);
    return error(EXIT_RUN, "step %" PRId64 ", microbatch %d: features of %d pictures, but %d captions",
                 features->unit.step, features->unit.microbatch, features->unit.samples, tokens->unit.samples);
}

// Loss, and with `d_features` its backward pass.
static struct caption_report caption(const struct work *work, int B, const void *features, void *d_features) {
    struct caption_result result = {0};
    if (B)
        result = text_tower_caption(self.tower, set_of(work), features, self.scale, d_features, dumped_logits(work, B));
    if (d_features && self.state_gradient[work->slot])
        text_tower_save_state_gradient(self.tower, set_of(work), self.state_gradient[work->slot]);
    return (struct caption_report){result.nll, result.targets};
}

static int multimodal(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    (void)context;
    const void *features;
    int B = taken[0]->unit.samples;
    int status = check_partner(taken[0], self.tokens[work->slot]);
    if (!status)
        status = input_rows(work, taken[0], TENSOR_FEATURES, dtype(), features_shape(B), &self.features, &features);
    if (!status) status = recompute(work);
    if (status) return status;
    struct message *gradient = work->train ? output_new(work, taken[0]) : NULL;
    void *d_features =
        gradient ? slots_add(self.slots, work->slot, gradient, TENSOR_D_FEATURES, dtype(), features_shape(B)) : NULL;
    struct caption_report result = caption(work, B, features, d_features);
    if (gradient && text_decode.features_grad) status = edge_send(text_decode.features_grad, ANYBODY, &gradient);
    if (gradient) message_free(&gradient);
    return status ? status : report(work, &result, taken[0]->unit);
}

// ---- the follower

static int outputs(void *context, struct tensor *tensor) {
    (void)context;
    if (!self.logits) return 0;
    *tensor = (struct tensor){
        .name = "logits",
        .dtype = DT_F32,
        .shape = SHAPE(run_options.batch_size, config()->text.context_length - 1, config()->text.vocab_size),
        .data = self.logits};
    return 1;
}

int passes_run(struct hub *hub, int ahead) {
    const struct text_decode *t = &text_decode;
    const struct phase phases[] = {
        {"unimodal", {t->tokens, NULL}, true, false, unimodal_begin, unimodal},
        {"multimodal", {t->features, NULL}, t->features, false, multimodal_begin, multimodal},
        {"unimodal backward", {t->embeddings_grad, NULL}, true, true, NULL, unimodal_backward},
    };
    struct follower follower = {.hub = hub,
                                .part = &text_decode.part,
                                .control = t->control,
                                .ahead = ahead,
                                .phase = phases,
                                .phases = sizeof phases / sizeof *phases,
                                .outputs = outputs};
    size_t bytes = (size_t)shape_bytes(features_shape(run_options.microbatch), dtype());
    self.slots = slots_new(&t->part, t->features_grad, true, run_microbatches(), bytes);
    self.features.ops = t->part.ops;
    int status = edges_served(&follower.served, t->control, t->embeddings, NULL);
    return status ? status : follower_run(&follower);
}
