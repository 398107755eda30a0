// The multimodal half for a head: its outputs go to the head, whose gradients come back, with the caption loss of the
// same rows beside them where the run has that too. As words are seen by later ones alone, a question's outputs are the
// same whether its answer follows or not, so one pass over both serves the head, which reads the question's, and the
// caption loss.
#include <stdlib.h>

#include "text_decode.h"
#include "train/outputs.h"

static struct shape states_shape(const struct text_decode *self, int64_t rows) {
    return SHAPE(rows, self->base.part.config.decoder.width);
}

// ---- life

static int64_t slot_bytes(const struct text_decode *self, int64_t microbatch) {
    const struct encoder use = text_decode_use(self);
    return shape_bytes(encoder_text_states(&use, microbatch), self->base.part.ops->dtype);
}

void states_open(struct text_decode *self) {
    const int64_t B = self->base.run.options.microbatch;
    const int M = stateful_own(&self->base, B);
    self->passes.features_kept = xcalloc((size_t)M, sizeof *self->passes.features_kept);
    self->passes.state_rows = xcalloc((size_t)M, sizeof *self->passes.state_rows);
    self->passes.state_slots = slots_new(&self->base.part, &self->states, M, (size_t)slot_bytes(self, B));
    self->passes.states_grad.ops = self->base.part.ops;
}

void states_close(struct text_decode *self) {
    struct passes *passes = &self->passes;
    for (int m = 0; passes->features_kept && m < stateful_own(&self->base, self->base.run.options.microbatch); m++)
        message_free(&passes->features_kept[m]);
    free(passes->features_kept);
    free(passes->state_rows);
    slots_free(&passes->state_slots);
    slot_reader_close(&passes->states_grad);
}

// ---- forward

// A head reads the tokens of the question, where the message says how many those are, else all but EOS.
static void add_groups(const struct text_decode *self, struct message *message, const struct message *tokens,
                       const struct text_states *states) {
    const struct tensor *lengths = message_find(tokens, TENSOR_LENGTHS);
    int32_t *start = message_add(message, TENSOR_START, DT_I32, SHAPE(states->B));
    int32_t *count = message_add(message, TENSOR_COUNT, DT_I32, SHAPE(states->B));
    for (int b = 0; b < states->B; b++) {
        const int32_t asked = lengths ? ((const int32_t *)lengths->data)[b / self->passes.repeats] : INT32_MAX;
        start[b] = states->start[b];
        count[b] = asked < states->count[b] ? asked : states->count[b];
    }
}

static int check_lengths(const struct message *tokens) {
    const struct tensor *lengths = message_find(tokens, TENSOR_LENGTHS);
    if (!lengths) return 0;
    const void *length;
    int status = message_tensor(tokens, TENSOR_LENGTHS, DT_I32, SHAPE(tokens->unit.samples), &length);
    for (int i = 0; !status && i < tokens->unit.samples; i++)
        if (((const int32_t *)length)[i] < 1)
            status = error(EXIT_RUN, "%s: a question of %d tokens", tokens->from, ((const int32_t *)length)[i]);
    return status;
}

static struct message *make_states(struct text_decode *self, const struct work *work, const struct message *input,
                                   const void *features) {
    struct message *message = output_new(work, input);
    struct text_states states = {0};
    const int set = passes_set(self, work);
    if (features) states = text_tower_state_groups(self->passes.tower, set);
    void *rows = slots_add(self->passes.state_slots, work->slot, message, TENSOR_STATES, self->base.part.ops->dtype,
                           states_shape(self, states.rows));
    self->passes.state_rows[work->slot] = states.rows;
    if (features) text_tower_states(self->passes.tower, set, features, rows);
    add_groups(self, message, self->passes.tokens[work->slot], &states);
    return message;
}

int states_forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    const void *features;
    int status = passes_features(self, work, taken[0], &features);
    if (!status) status = check_lengths(self->passes.tokens[work->slot]);
    if (!status && passes_lost(self, work)) status = passes_forward(self, work, NULL);
    if (status) return status;
    struct message *states = make_states(self, work, taken[0], features);
    if (work->train && stateful_tunes(&self->base) && self->passes.sets < work->own) {
        self->passes.features_kept[work->slot] = taken[0];
        taken[0] = NULL;
    }
    return channel_send(&self->states, work->microbatch, work->microbatches, &states);
}

// ---- backward

// Both halves once more, where the set has held other microbatches since.
static int recompute(struct text_decode *self, const struct work *work) {
    struct message **kept = &self->passes.features_kept[work->slot];
    const void *features;
    if (!passes_lost(self, work)) return 0;
    int status = passes_forward(self, work, NULL);
    if (!status) status = passes_features(self, work, *kept, &features);
    if (!status) text_tower_states(self->passes.tower, passes_set(self, work), features, NULL);
    message_free(kept);
    return status;
}

static int send_gradient(struct text_decode *self, const struct work *work, const struct message *input,
                         const void *d_states) {
    struct message *gradient = output_new(work, input);
    void *d_features = slots_add(self->passes.slots, work->slot, gradient, TENSOR_D_FEATURES,
                                 self->base.part.ops->dtype, passes_features_shape(self, input->unit.samples));
    struct caption_result result = text_tower_states_backward(self->passes.tower, passes_set(self, work), d_states,
                                                              self->passes.scale, d_features);
    passes_save_state_gradient(self, work);
    int status = channel_send(&self->features_grad, work->microbatch, work->microbatches, &gradient);
    if (status || self->base.run.options.caption_weight == 0) return status;
    return report_loss(&self->control, &text_row.losses[0], result.nll, result.targets, input->unit);
}

int states_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    const void *d_states;
    int status =
        input_rows(work, taken[0], TENSOR_D_STATES, self->base.part.ops->dtype,
                   states_shape(self, self->passes.state_rows[work->slot]), &self->passes.states_grad, &d_states);
    if (!status) status = recompute(self, work);
    return status ? status : send_gradient(self, work, taken[0], d_states);
}
