// Recall of images by their texts and of texts by their images, in CLIP_benchmark's sense: of an image's texts, any one
// among the first k counts.
#pragma once

#include <stdint.h>

struct retrieval {
    int64_t images, texts, E;
    const float *image;   // [images,E]
    const float *text;    // [texts,E]
    const int64_t *owner; // [texts]: the image that a text belongs to
};

// image_rank [texts]: the place of a text's image among the images. text_rank [images]: the best place of an image's
// texts among the texts of other images, 0 for an image without texts. Places count from 1: one more than the others
// that are not less similar. So ties, and what is not a number, count against the truth. Memory beyond that is O(images
// + texts); the matrix of similarities is never held.
void retrieval_ranks(const struct retrieval *retrieval, int64_t *image_rank, int64_t *text_rank);

// The share of ranks from 1 to k among those above 0; 0 when there are none.
double recall_at(const int64_t *rank, int64_t count, int64_t k);

// Median (MdR: of an even number the mean of the middle two) and mean (MnR) of the ranks above 0; 0 when there are none.
double rank_median(const int64_t *rank, int64_t count);
double rank_mean(const int64_t *rank, int64_t count);

// What recall_at gives for embeddings that know nothing, expected.
double retrieval_chance_image(const struct retrieval *retrieval, int64_t k);
double retrieval_chance_text(const struct retrieval *retrieval, int64_t k);
