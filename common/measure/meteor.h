// METEOR 1.5 (Denkowski and Lavie, 2014) for English, as COCO's caption evaluation runs it.
#pragma once

#include "measure/caption_set.h"
#include "measure/meteor_data.h"

// The score of the pictures of the set together, from 0 to 1, and of each into `each` [pictures]. Without data (NULL)
// words match only when they are equal or of equal stem, there are no function words, and no abbreviation keeps its
// dot. What the data say wrongly is left out: meteor_data_check tells.
double meteor_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures,
                     struct meteor_data *data, double *each);
