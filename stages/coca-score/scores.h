// The scores of captions, together and by picture, and how they are written.
#pragma once

#include <jansson.h>

#include "measure/caption_set.h"

struct caption_scores {
    double bleu[NGRAM_ORDERS], rouge_l, cider, spice; // NAN: there is none
};

// Scores of these pictures of the set: of all into `corpus`, of single ones into `each` [pictures]. SPICE's are
// `each`'s before, and `corpus` has their mean.
void caption_scores_make(struct caption_scores *corpus, struct caption_scores *each, const struct caption_set *set,
                         const struct captioned *picture, size_t pictures);

// Adds them to an object, under the names that pycocoevalcap gives them; null where there is none.
void caption_scores_add(json_t *object, const struct caption_scores *scores);
