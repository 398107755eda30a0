// ROUGE-L (Lin 2004) as COCO's evaluation computes it: the F measure, β = 1.2, of longest common subsequences.
#pragma once

#include "measure/caption_set.h"

// Each picture's score, a share from 0 to 1, into `each` [pictures]; returns their mean.
double rouge_l_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures, double *each);
