// The embeddings of a global batch, gathered row by row from both sides of the contrast, and what loss makes of them.
#pragma once

#include "model/contrastive.h"
#include "train/conductor.h"

enum { GATHER_IMAGE, GATHER_TEXT, GATHER_SIDES };
struct gather {
    int64_t G, E;
    struct gather_side {
        const char *role;
        int ranks;      // 0: whoever recorded them
        float *row, *d; // [G,E]; microbatch m in rows m·B …; d NULL without gradients
    } side[GATHER_SIDES];
    struct contrastive *contrastive;
};
// For the conductor's run; `train` with gradients.
struct gather *gather_new(const struct conductor *conductor, bool train);
void gather_free(struct gather **gather);
struct memory_bytes gather_bytes(const struct part *part, bool train);

// Takes the 2M embeddings of a step. *samples rows are filled, fewer than G only at the end of the data. 0, -exit_code,
// or HUB_END when a recording ends.
int gather_take(struct gather *gather, const struct conductor *conductor, const struct step_order *order,
                int64_t *samples);
// The contrastive loss of the first `samples` rows by the run's rule, and into the sides' d, where there is one, the
// gradient of `weight` times it.
struct contrastive_result gather_contrast(const struct gather *gather, const struct part *part, int64_t samples,
                                          double weight);
// What guessing loses in a batch of G.
double gather_chance(const struct gather *gather, const struct part *part);
// Sends each side its M gradients.
int gather_return(const struct gather *gather, const struct conductor *conductor, const struct step_order *order);
