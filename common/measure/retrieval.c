// Recall between pictures and texts for coca-score. Places are counted, not sorted: a query's rank is one more than the
// others that come before its own, so one pass over the pairs gives both directions and the matrix of similarities is
// never held. Cost is images·texts·E multiplications; tables and names are coca-score's.
#include "measure/retrieval.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "measure/similarity.h"

enum { BLOCK = 64 }; // rows of one side that stay in cache while the other goes by

// Similarity of each pair that belongs together, and each image's best; without texts an image's best is NaN.
struct own {
    float *text, *image; // [texts], [images]
};

// First of all, since every pair is then compared with the similarity of the query's own.
static void find_own(const struct retrieval *r, struct own *own) {
    own->text = xmalloc((size_t)r->texts * sizeof *own->text);
    own->image = xmalloc((size_t)r->images * sizeof *own->image);
    for (int64_t i = 0; i < r->images; i++) own->image[i] = NAN;
    for (int64_t t = 0; t < r->texts; t++) {
        float *best = &own->image[r->owner[t]];
        own->text[t] = similarity(r->image + r->owner[t] * r->E, r->text + t * r->E, r->E);
        if (isnan(*best) || own->text[t] > *best) *best = own->text[t];
    }
}

static void begin_ranks(const struct retrieval *r, int64_t *image_rank, int64_t *text_rank) {
    for (int64_t i = 0; i < r->images; i++) text_rank[i] = 0;
    for (int64_t t = 0; t < r->texts; t++) {
        image_rank[t] = 1;
        text_rank[r->owner[t]] = 1;
    }
}

// One pair that does not belong together: does the picture come before the text's own, and the text before the best of
// the picture's own? Own texts do not count against each other, so the best one's place among the others alone says
// whether any of them is among the first k: whatever comes before the best is not own.
static void count_pair(const struct retrieval *r, const struct own *own, int64_t i, int64_t t, int64_t *image_rank,
                       int64_t *text_rank) {
    if (r->owner[t] == i) return;
    const float other = similarity(r->image + i * r->E, r->text + t * r->E, r->E);
    image_rank[t] += !(other < own->text[t]);
    if (text_rank[i]) text_rank[i] += !(other < own->image[i]);
}

void retrieval_ranks(const struct retrieval *r, int64_t *image_rank, int64_t *text_rank) {
    struct own own;
    find_own(r, &own);
    begin_ranks(r, image_rank, text_rank);
    for (int64_t first = 0; first < r->images; first += BLOCK) {
        const int64_t end = first + BLOCK < r->images ? first + BLOCK : r->images;
        for (int64_t t = 0; t < r->texts; t++)
            for (int64_t i = first; i < end; i++) count_pair(r, &own, i, t, image_rank, text_rank);
    }
    free(own.text);
    free(own.image);
}

double recall_at(const int64_t *rank, int64_t count, int64_t k) {
    int64_t queries = 0, found = 0;
    for (int64_t i = 0; i < count; i++) {
        queries += rank[i] > 0;
        found += rank[i] > 0 && rank[i] <= k;
    }
    return queries ? (double)found / (double)queries : 0;
}

static int compare_ranks(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Ranks of 0, which ask nothing, come first.
double rank_median(const int64_t *rank, int64_t count) {
    int64_t *sorted = xcalloc((size_t)count, sizeof *sorted), first = 0;
    for (int64_t i = 0; i < count; i++) sorted[i] = rank[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_ranks);
    while (first < count && !sorted[first]) first++;
    const int64_t queries = count - first, *middle = sorted + first + queries / 2;
    const double median = !queries ? 0 : queries % 2 ? (double)*middle : (double)(middle[-1] + middle[0]) / 2;
    free(sorted);
    return median;
}

double rank_mean(const int64_t *rank, int64_t count) {
    double sum = 0;
    int64_t queries = 0;
    for (int64_t i = 0; i < count; i++) {
        queries += rank[i] > 0;
        sum += (double)rank[i];
    }
    return queries ? sum / (double)queries : 0;
}

double retrieval_chance_image(const struct retrieval *r, int64_t k) {
    return r->images > k ? (double)k / (double)r->images : 1;
}

// Of N others and `own` texts in random order, the probability that no own one is among the first k:
// Π_{j<k} (N − j)/(N + own − j).
static double probability_of_none(int64_t others, int64_t own, int64_t k) {
    double none = 1;
    for (int64_t j = 0; j < k; j++) none *= others > j ? (double)(others - j) / (double)(others + own - j) : 0;
    return none;
}

// Averaged over the images that have texts, as recall_at does.
double retrieval_chance_text(const struct retrieval *r, int64_t k) {
    int64_t *own = xcalloc((size_t)r->images, sizeof *own), queries = 0;
    double found = 0;
    for (int64_t t = 0; t < r->texts; t++) own[r->owner[t]]++;
    for (int64_t i = 0; i < r->images; i++) {
        if (!own[i]) continue;
        found += 1 - probability_of_none(r->texts - own[i], own[i], k);
        queries++;
    }
    free(own);
    return queries ? found / (double)queries : 0;
}
