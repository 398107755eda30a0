#include "model/layers/key_mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void key_mask_init(struct key_mask *mask, const struct text_config *config, int captions, int T) {
    *mask = (struct key_mask){.config = config, .T = T, .captions = captions};
    mask->host = xcalloc((size_t)captions * (size_t)T, 1);
}

void key_mask_release(struct key_mask *mask) {
    free(mask->host);
}

void key_mask_plan(struct key_mask *mask, struct planner *planner) {
    if (mask->config->pad_inside) mask->device = arena_take(planner->arena, (size_t)(mask->captions * mask->T));
}

// By open_clip's mask a token decides over the position behind it, and nothing hides the first.
void key_mask_set(struct key_mask *mask, int caption, int place, int32_t token) {
    uint8_t *valid = mask->host + (ptrdiff_t)caption * mask->T;
    int decided = mask->config->correct_cls_mask ? place : place + 1;
    if (!place) valid[0] = 1;
    if (decided < mask->T) valid[decided] = token != mask->config->pad_id;
}

void key_mask_copy(struct key_mask *mask, int to, int from, int count) {
    size_t decided = (size_t)(count < mask->T ? count + 1 : mask->T);
    memcpy(mask->host + (ptrdiff_t)to * mask->T, mask->host + (ptrdiff_t)from * mask->T, decided);
}

const uint8_t *key_mask_upload(struct key_mask *mask, struct ops *ops) {
    if (!mask->config->pad_inside) return NULL;
    ops->upload(ops, mask->device, mask->host, (size_t)(mask->captions * mask->T));
    return mask->device;
}
