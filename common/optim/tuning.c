#include "optim/tuning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum place { EMBEDDINGS, BLOCK, LAST_NORM, PROJECTION, POOLER, DECODER_BLOCK, DECODER_TOP };

// Where a tensor stands in its tower. *block is the number behind the prefix of a block's, else without meaning.
static enum place place_of(const char *name, int *block) {
    static const struct {
        const char *prefix;
        enum place place;
    } places[] = {
        {"visual.transformer.resblocks.", BLOCK},
        {"visual.attn_pool", POOLER},
        {"visual.ln_post", LAST_NORM},
        {"visual.proj", PROJECTION},
        {"text.transformer.resblocks.", BLOCK},
        {"text.ln_final", LAST_NORM},
        {"text.text_projection", PROJECTION},
        {"text_decoder.resblocks.", DECODER_BLOCK},
        {"text_decoder.cross_attn.", DECODER_BLOCK},
        {"text_decoder.ln_final", DECODER_TOP},
        {"text_decoder.text_projection", DECODER_TOP},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t length = strlen(places[i].prefix);
        if (strncmp(name, places[i].prefix, length) != 0) continue;
        *block = atoi(name + length);
        return places[i].place;
    }
    return EMBEDDINGS;
}

// The group of a tower with so many blocks, or −1: of none.
static int group_of(enum place place, int block, int blocks) {
    switch (place) {
    case EMBEDDINGS: return 0;
    case BLOCK: return block + 1;
    case LAST_NORM: return blocks;
    case PROJECTION: return blocks + 1;
    default: return -1;
    }
}

static int layer_of(enum place place, int block, int blocks, int top) {
    switch (place) {
    case EMBEDDINGS: return 0;
    case BLOCK: return block + 1;
    case DECODER_BLOCK: return blocks + block + 1;
    default: return top;
    }
}

static bool is_locked(const struct params *params, const struct tuning *tuning, enum place place, int group,
                      int groups) {
    if (params->part == PART_IMAGE)
        return tuning->lock_image && (place == POOLER || group < groups - tuning->unlocked_groups);
    bool decoder = place == DECODER_BLOCK || place == DECODER_TOP;
    return tuning->lock_text && !decoder && group < groups - tuning->unlocked_layers;
}

void tuning_apply(struct params *params, const struct model_config *config, const struct tuning *tuning) {
    bool image = params->part == PART_IMAGE;
    int blocks = image ? config->vision.layers : config->text.layers, groups = blocks + 2;
    int top = image ? blocks + 1 : blocks + config->decoder.layers + 1;
    if (params->part == PART_LOSS) return;
    for (int i = 0; i < params->count; i++) {
        struct param *param = &params->item[i];
        int block = 0;
        enum place place = place_of(param->name, &block);
        param->locked = is_locked(params, tuning, place, group_of(place, block, blocks), groups);
        param->rate = pow(tuning->layer_decay, top - layer_of(place, block, blocks, top));
    }
}

bool tuning_locks_all(const struct params *params) {
    for (int i = 0; i < params->count; i++)
        if (!params->item[i].locked) return false;
    return true;
}

void tuning_clear_locked(const struct params *params) {
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        if (param->locked)
            params->ops->zero(params->ops, params->gradient + param->offset,
                              (size_t)shape_count(param->shape) * sizeof(real));
    }
}
