// The slots of the cached decoder, in which captions' tokens are remembered: emptied, copied where beams branch, filled
// from others where captions part. cached_decoder.c says how the caches lie.
#include "model/generate/cached_decoder_private.h"

// One transfer a step for all lists, as each costs the device a wait.
void decoder_lists_upload(struct cached_decoder *decoder) {
    decoder->ops->upload(decoder->ops, decoder->device, decoder->host,
                         (size_t)(STEP_LISTS * decoder->slots) * sizeof *decoder->device);
}

// Rows enter a cache by addition, so it begins at zero. Each place is written once: steps bring it to all slots that go
// on at once, and what a copy overwrites are places before it; of a slot that was not in use yet all are zero.
static void clear_caches(struct cached_decoder *decoder, void *const *cache, int layers) {
    struct ops *ops = decoder->ops;
    size_t bytes = (size_t)decoder->slots * (size_t)(decoder->T * 2 * decoder->D) * dtype_size(ops->dtype);
    for (int i = 0; i < layers; i++) ops->zero(ops, cache[i], bytes);
}

void decoder_slots_clear(struct cached_decoder *decoder) {
    clear_caches(decoder, decoder->unimodal_cache, decoder->unimodal.dims.transformer.layers);
    clear_caches(decoder, decoder->multimodal_cache, decoder->multimodal.dims.layers);
}

static void copy_rows(struct cached_decoder *decoder, void *const *cache, int layers, int to, int from, int first,
                      int count) {
    size_t row = (size_t)(2 * decoder->D) * dtype_size(decoder->ops->dtype), slot = (size_t)decoder->T * row;
    for (int i = 0; i < layers; i++) {
        char *begin = (char *)cache[i] + (size_t)first * row;
        decoder->ops->copy(decoder->ops, begin + (size_t)to * slot, begin + (size_t)from * slot, (size_t)count * row);
    }
}

// The mask goes with the rows: it says of these very rows whether they are seen.
void cached_decoder_copy(struct cached_decoder *decoder, int to, int from, int first, int count) {
    copy_rows(decoder, decoder->unimodal_cache, decoder->unimodal.dims.transformer.layers, to, from, first, count);
    copy_rows(decoder, decoder->multimodal_cache, decoder->multimodal.dims.layers, to, from, first, count);
    key_mask_copy(&decoder->mask, to, from, first + count);
}

static void fork_rows(struct cached_decoder *decoder, void *const *cache, int layers) {
    struct ops *ops = decoder->ops;
    const int32_t *from = step_list_of(decoder, decoder->device, STEP_FORK_FROM);
    for (int i = 0; i < layers; i++) {
        ops->gather_rows(ops, decoder->kv, cache[i], from, decoder->forked, 2 * decoder->D);
        ops->scatter_add_rows(ops, cache[i], decoder->kv, step_list_of(decoder, decoder->device, STEP_FORK_TO),
                              decoder->forked, 2 * decoder->D);
    }
}

void decoder_slots_fork(struct cached_decoder *decoder) {
    if (!decoder->forked) return;
    fork_rows(decoder, decoder->unimodal_cache, decoder->unimodal.dims.transformer.layers);
    fork_rows(decoder, decoder->multimodal_cache, decoder->multimodal.dims.layers);
    decoder->forked = 0;
}

// Most captions part in the first few steps, many in one. A copy for each slot and layer would cost a device more than
// the rows that they shared, so all that part before a step are two operations a layer. An empty slot is zero, to which
// rows may be added as a step adds its own.
void cached_decoder_fork(struct cached_decoder *decoder, int to, int from, int count) {
    for (int place = 0; place < count; place++) {
        if (decoder->forked == decoder->slots) {
            decoder_lists_upload(decoder);
            decoder_slots_fork(decoder);
        }
        step_list_of(decoder, decoder->host, STEP_FORK_FROM)[decoder->forked] = from * decoder->T + place;
        step_list_of(decoder, decoder->host, STEP_FORK_TO)[decoder->forked++] = to * decoder->T + place;
    }
    key_mask_copy(&decoder->mask, to, from, count);
}
