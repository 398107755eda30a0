// What the cached decoder's two files know of each other: steps (cached_decoder.c), and the slots' caches.
#pragma once

#include "model/generate/cached_decoder.h"

static inline int32_t *step_list_of(const struct cached_decoder *decoder, int32_t *lists, enum step_list list) {
    return lists + (int64_t)list * decoder->slots;
}

void decoder_lists_upload(struct cached_decoder *decoder);
void decoder_slots_clear(struct cached_decoder *decoder); // all are empty
void decoder_slots_fork(struct cached_decoder *decoder);  // what was asked for since the last step; behind an upload
