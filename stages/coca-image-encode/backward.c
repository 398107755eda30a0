// One microbatch of gradients back through the tower, after a second forward pass where its activations are gone.
#include "image_encode.h"

// Fills the set again when it does not hold this microbatch.
static int recompute(struct image_encode *self, const struct work *work) {
    struct message **images = &self->kept[work->slot];
    const void *pixels;
    if (!*images) return 0;
    int status = image_encode_pixels(self, work, *images, &pixels);
    if (!status && self->held != work->microbatch) {
        const int rows = (*images)->unit.samples * self->pictures;
        image_tower_begin(self->tower, 0, rows, pixels, false, false);
        if (!self->for_head) image_tower_results(self->tower, 0, NULL, NULL);
    }
    self->held = work->microbatch;
    message_free(images);
    return status;
}

static int through_features(struct image_encode *self, const struct work *work, struct message *taken[PHASE_EDGES]) {
    const void *d_features = NULL, *d_embedding = NULL;
    int64_t B = self->base.run.options.microbatch;
    int status = 0;
    if (taken[0])
        status = input_rows(work, taken[0], TENSOR_D_FEATURES, self->base.part.ops->dtype,
                            image_encode_features(self, B), &self->gradient, &d_features);
    if (taken[1] && !status)
        status = input_tensor(work, taken[1], TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, self->base.part.config.embed_dim),
                              &d_embedding);
    if (status || !self->tunes) return status;
    status = recompute(self, work);
    if (!status) image_tower_backward(self->tower, image_encode_set(self, work), d_features, d_embedding);
    return status;
}

static int through_states(struct image_encode *self, const struct work *work, const struct message *gradient) {
    const void *d_states;
    int64_t B = self->base.run.options.microbatch;
    int status = input_rows(work, gradient, TENSOR_D_STATES, self->base.part.ops->dtype, image_encode_states(self, B),
                            &self->gradient, &d_states);
    if (!status) status = recompute(self, work);
    if (!status) image_tower_states_backward(self->tower, image_encode_set(self, work), d_states);
    return status;
}

int image_encode_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct image_encode *self = context;
    if (!self->for_head) return through_features(self, work, taken);
    return taken[0] && self->tunes ? through_states(self, work, taken[0]) : 0;
}
