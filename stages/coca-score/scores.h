// The scores of captions, together and by picture, and how they are written.
#pragma once

#include <jansson.h>

#include "measure/caption_set.h"
#include "measure/meteor_data.h"

struct caption_scores {
    double bleu[NGRAM_ORDERS], meteor, rouge_l, cider, spice; // NAN: there is none
    bool meteor_is_whole;                                     // else it is of exact words and stems alone
};

// Scores of these pictures of the set: of all into `corpus`, of single ones into `each` [pictures]. SPICE's are
// `each`'s before, and `corpus` has their mean. METEOR's data are NULL when there are none. 0, or -EXIT_DATA when these
// are damaged.
int caption_scores_make(struct caption_scores *corpus, struct caption_scores *each, const struct caption_set *set,
                        const struct captioned *picture, size_t pictures, struct meteor_data *meteor);

// Adds them to an object, under the names that pycocoevalcap gives them; null where there is none, and METEOR
// that is not whole under a name of its own.
void caption_scores_add(json_t *object, const struct caption_scores *scores);
