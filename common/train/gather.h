// The embeddings of a global batch, gathered row by row from both encoders, and what loss makes of them.
#pragma once

#include "model/contrastive.h"
#include "train/part.h"
#include "wire/hub.h"

struct gather {
    int64_t G, E;
    float *image, *text;     // [G,E]; microbatch m in rows m·B …
    float *d_image, *d_text; // [G,E], NULL without gradients
    struct contrastive *contrastive;
};
struct gather *gather_new(struct ops *ops, int64_t G, int64_t E, bool train);
void gather_free(struct gather **gather);
struct memory_bytes gather_bytes(int64_t G, int64_t E, bool train);

// Takes the 2M embeddings of a step. *samples rows are filled, fewer than G only at the end of the data.
int gather_take(struct gather *gather, struct edge *embeddings, const struct step_order *order, int64_t *samples);
// Sends each encoder its M gradients.
int gather_return(const struct gather *gather, struct edge *embeddings_grad, const struct step_order *order);
