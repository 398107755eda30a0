// Which cached positions of captions are seen as keys while they grow token by token: all, or what open_clip's CLS mask
// leaves of them (text_config: pad_inside, correct_cls_mask).
#pragma once

#include "model/layers/planner.h"
#include "model/params/config.h"

struct key_mask {
    const struct text_config *config;
    int T, captions;
    uint8_t *host, *device; // [captions·T]
};

void key_mask_init(struct key_mask *mask, const struct text_config *config, int captions, int T); // borrows config
void key_mask_release(struct key_mask *mask);
void key_mask_plan(struct key_mask *mask, struct planner *planner);

void key_mask_set(struct key_mask *mask, int caption, int place, int32_t token); // it stands there
// Caption `to` now begins with the first `count` tokens of caption `from`.
void key_mask_copy(struct key_mask *mask, int to, int from, int count);
const uint8_t *key_mask_upload(struct key_mask *mask, struct ops *ops); // of the backend; NULL: all are seen
