// Zero-shot classification with prompt ensembles (CLIP, arXiv 2103.00020, section 3.1.4).
#pragma once

#include <stdint.h>

// prompts f32 [ΣK,E], those of a class together, K[c] of them → classes f32 [C,E]: each class is the mean of its
// prompts, each of length 1 before and the mean of length 1 after.
void zero_shot_classes(float *classes, const float *prompts, const int64_t *K, int64_t C, int64_t E);

// The place of class `truth` among the classes for an image [E], from 1: one more than the other classes that are not
// less similar. So ties, and what is not a number, count against the truth.
int64_t zero_shot_rank(const float *image, const float *classes, int64_t C, int64_t E, int64_t truth);

// What the ranks of many images come to. seen and right are [C], zeroed by accuracy_new.
struct accuracy {
    int64_t C, images, top1, top5;
    int64_t *seen, *right; // by class
};
struct accuracy accuracy_new(int64_t C);
void accuracy_release(struct accuracy *accuracy);
void accuracy_add(struct accuracy *accuracy, int64_t truth, int64_t rank);
// The share of right images within each class, averaged over the classes that were seen. 0 when none was.
double accuracy_mean_per_class(const struct accuracy *accuracy);
