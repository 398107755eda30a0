// CIDEr-D (Vedantam et al. 2015), which COCO's evaluation prints as CIDEr: without stems, counts clipped, σ = 6.
#pragma once

#include "measure/caption_set.h"

// Each picture's score, from 0 to 10, into `each` [pictures]; returns their mean. How rare an n-gram is, is told by the
// references of these very pictures: scores of a part are not those of the whole, and of one picture always 0.
double cider_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures, double *each);
