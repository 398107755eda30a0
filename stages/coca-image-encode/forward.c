// One microbatch of pictures to what the stage's edges ask for. A device computes between launch and forward, when the
// next pictures may travel. A sample of several pictures, a video's frames or NLVR2's two, is as many rows of the
// tower's batch; its embedding is the mean of theirs.
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image_encode.h"

// ---- before computing

static void add_states(struct image_encode *self, const struct work *work, int B) {
    struct outgoing *out = &self->out;
    const int64_t rows = self->pictures * (int64_t)config_image_tokens(&self->base.part.config);
    out->state_rows = slots_add(self->slots, work->slot, out->states, TENSOR_STATES, self->base.part.ops->dtype,
                                image_encode_states(self, B));
    int32_t *start = message_add(out->states, TENSOR_START, DT_I32, SHAPE(B));
    int32_t *count = message_add(out->states, TENSOR_COUNT, DT_I32, SHAPE(B));
    for (int b = 0; b < B; b++) {
        start[b] = (int32_t)(b * rows);
        count[b] = (int32_t)rows;
    }
}

static void make_messages(struct image_encode *self, const struct work *work, const struct message *images) {
    struct outgoing *out = &self->out;
    const int B = images->unit.samples;
    *out = (struct outgoing){.features = NULL};
    if (self->states.edge) {
        out->states = output_new(work, images);
        add_states(self, work, B);
    }
    if (self->features.edge) {
        out->features = output_new(work, images);
        out->feature_rows = slots_add(work->dump ? NULL : self->slots, work->slot, out->features, TENSOR_FEATURES,
                                      self->base.part.ops->dtype, image_encode_features(self, B));
    }
    if (self->embeddings.edge) out->embeddings = output_new(work, images);
    struct message *embedded = self->said.with_embedding ? out->features : out->embeddings;
    if (embedded)
        out->embedding_rows =
            message_add(embedded, TENSOR_EMBEDDING, DT_F32, SHAPE(B, self->base.part.config.embed_dim));
}

int image_encode_launch(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct image_encode *self = context;
    const void *pixels;
    int status = image_encode_pixels(self, work, taken[0], &pixels);
    if (status) return status;
    make_messages(self, work, taken[0]);
    if (taken[0]->unit.samples)
        image_tower_begin(self->tower, image_encode_set(self, work), taken[0]->unit.samples * self->pictures, pixels,
                          self->out.feature_rows, self->out.embedding_rows);
    return 0;
}

// The next pictures travel to the device while these are computed.
void image_encode_fetch_next(void *context, const struct message *next) {
    struct image_encode *self = context;
    const struct tensor *pixels = message_find(next, TENSOR_PIXELS);
    const int B = next->unit.samples;
    if (!pixels || !pixels->data || B > self->base.run.options.microbatch) return;
    if (pixels->dtype == DT_U8 && shape_equal(pixels->shape, image_encode_pixels_shape(self, B)))
        image_tower_fetch(self->tower, B * self->pictures, pixels->data);
}

// ---- behind it

static void dump_features(struct image_encode *self, const struct work *work, int64_t B) {
    int64_t row = shape_count(image_encode_features(self, 1));
    if (!self->dumped) self->dumped = xcalloc((size_t)(work->own * work->B * row), sizeof *self->dumped);
    dtype_convert(self->dumped + work->slot * work->B * row, DT_F32, self->out.feature_rows, self->base.part.ops->dtype,
                  (size_t)(B * row));
}

// Keeps the pictures when the activations will not last until the backward pass.
static void keep(struct image_encode *self, const struct work *work, struct message **images) {
    self->held = work->microbatch;
    if (!work->train || !self->tunes || work->own <= self->sets) return;
    message_free(&self->kept[work->slot]); // a locked tower takes none back
    self->kept[work->slot] = *images;
    *images = NULL;
}

// The mean of P vectors of length 1, brought to length 1 (CoCa, section 4.2.2: the mean of the frames' embeddings).
static void mean_of_pictures(float *to, const float *from, int P, int64_t E) {
    double squares = 0;
    for (int64_t e = 0; e < E; e++) {
        double sum = 0;
        for (int p = 0; p < P; p++) sum += from[p * E + e];
        to[e] = (float)sum;
        squares += sum * sum;
    }
    for (int64_t e = 0; e < E && squares > 0; e++) to[e] = (float)(to[e] / sqrt(squares));
}

static void results(struct image_encode *self, const struct work *work, int B) {
    const struct outgoing *out = &self->out;
    const int set = image_encode_set(self, work), P = self->pictures;
    const int64_t E = self->base.part.config.embed_dim;
    if (self->for_head) {
        if (out->state_rows) image_tower_states(self->tower, set, out->state_rows);
        return;
    }
    const bool averages = out->embedding_rows && P > 1;
    image_tower_results(self->tower, set, out->feature_rows, averages ? self->of_each : out->embedding_rows);
    for (int b = 0; b < B && averages; b++)
        mean_of_pictures((float *)out->embedding_rows + b * E, self->of_each + b * P * E, P, E);
}

static int send_one(const struct channel *channel, const struct work *work, struct message **message) {
    return *message ? channel_send(channel, work->microbatch, work->microbatches, message) : 0;
}

static int send(struct image_encode *self, const struct work *work) {
    struct outgoing *out = &self->out;
    int status = out->embeddings ? output_check_embedding(work, out->embeddings) : 0;
    if (!status && out->features) status = output_check_embedding(work, out->features);
    if (!status) status = send_one(&self->embeddings, work, &out->embeddings);
    if (!status) status = send_one(&self->features, work, &out->features);
    if (!status) status = send_one(&self->states, work, &out->states);
    message_free(&out->states);
    message_free(&out->features);
    message_free(&out->embeddings);
    return status;
}

int image_encode_forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct image_encode *self = context;
    int B = taken[0]->unit.samples;
    if (B) results(self, work, B);
    if (work->dump && self->out.feature_rows) dump_features(self, work, B);
    keep(self, work, &taken[0]);
    return send(self, work);
}
