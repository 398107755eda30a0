// Zero-shot classification for coca-score: class vectors from the embeddings of prompts, a picture's rank among them,
// and accuracies from ranks. Embeddings come from elsewhere; names of classes and prompts are coca-score's. Memory is
// O(C), whatever the number of pictures.
#include "measure/zero_shot.h"

#include <stdlib.h>

#include "base/memory.h"
#include "measure/similarity.h"

// The mean's 1/K is left out: the result is brought to length 1 in any case.
static void average(float *mean, float *scratch, const float *prompts, int64_t K, int64_t E) {
    for (int64_t e = 0; e < E; e++) mean[e] = 0;
    for (int64_t k = 0; k < K; k++) {
        similarity_normalise(scratch, prompts + k * E, E);
        for (int64_t e = 0; e < E; e++) mean[e] += scratch[e];
    }
    similarity_normalise(mean, mean, E);
}

void zero_shot_classes(float *classes, const float *prompts, const int64_t *K, int64_t C, int64_t E) {
    float *scratch = xmalloc((size_t)E * sizeof *scratch);
    for (int64_t c = 0; c < C; prompts += K[c] * E, c++) average(classes + c * E, scratch, prompts, K[c], E);
    free(scratch);
}

// Asked as "not less" and not as "greater or equal": that is true of NaN as well, which so counts against the truth.
int64_t zero_shot_rank(const float *image, const float *classes, int64_t C, int64_t E, int64_t truth) {
    const float own = similarity(image, classes + truth * E, E);
    int64_t rank = 1;
    for (int64_t c = 0; c < C; c++)
        if (c != truth) rank += !(similarity(image, classes + c * E, E) < own);
    return rank;
}

struct accuracy accuracy_new(int64_t C) {
    return (struct accuracy){
        .C = C, .seen = xcalloc((size_t)C, sizeof(int64_t)), .right = xcalloc((size_t)C, sizeof(int64_t))};
}

void accuracy_release(struct accuracy *accuracy) {
    free(accuracy->seen);
    free(accuracy->right);
    *accuracy = (struct accuracy){0};
}

void accuracy_add(struct accuracy *accuracy, int64_t truth, int64_t rank) {
    accuracy->images++;
    accuracy->seen[truth]++;
    accuracy->top1 += rank == 1;
    accuracy->top5 += rank <= 5;
    accuracy->right[truth] += rank == 1;
}

double accuracy_mean_per_class(const struct accuracy *accuracy) {
    double sum = 0;
    int64_t classes = 0;
    for (int64_t c = 0; c < accuracy->C; c++) {
        if (!accuracy->seen[c]) continue;
        sum += (double)accuracy->right[c] / (double)accuracy->seen[c];
        classes++;
    }
    return classes ? sum / (double)classes : 0;
}
