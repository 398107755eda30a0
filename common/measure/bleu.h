// BLEU (Papineni et al. 2002) as COCO's evaluation computes it: over 1 to 4 words, the length of the closest reference.
#pragma once

#include "measure/caption_set.h"

// The corpus's scores into `corpus`, [0] of BLEU-1 to [3] of BLEU-4, and each picture's into `each` [pictures,4]. All
// are shares from 0 to 1.
void bleu_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures,
                 double corpus[NGRAM_ORDERS], double (*each)[NGRAM_ORDERS]);
