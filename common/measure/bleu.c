// A corpus's BLEU is no mean: matches, guesses and lengths are summed over the pictures and scored once. A picture's
// own score is the same formula on its own sums. What keeps it from dividing by zero is the reference implementation's,
// so scores near zero are its too.
#include "measure/bleu.h"

#include <math.h>

struct sums {
    double match[NGRAM_ORDERS], guess[NGRAM_ORDERS], length, reference_length;
};

// Of equally close references the shorter one counts.
static size_t closest_length(const struct caption_set *set, const struct captioned *picture, size_t length) {
    size_t closest = 0, distance = SIZE_MAX;
    for (size_t i = 1; i <= picture->references; i++) {
        const size_t other = caption_set_get(set, picture->candidate + i).ngrams[0];
        const size_t apart = other > length ? other - length : length - other;
        if (apart > distance || (apart == distance && other > closest)) continue;
        closest = other;
        distance = apart;
    }
    return closest;
}

// No reference supports an n-gram more often than it has it.
static size_t most_in_a_reference(const struct caption_set *set, const struct captioned *picture, int order,
                                  uint32_t ngram) {
    size_t most = 0;
    for (size_t i = 1; i <= picture->references; i++) {
        const struct caption reference = caption_set_get(set, picture->candidate + i);
        const size_t count = caption_count(&reference, order, ngram);
        if (count > most) most = count;
    }
    return most;
}

static struct sums sum_picture(const struct caption_set *set, const struct captioned *picture) {
    const struct caption candidate = caption_set_get(set, picture->candidate);
    const size_t length = candidate.ngrams[0];
    struct sums sums = {.length = (double)length, .reference_length = (double)closest_length(set, picture, length)};
    for (int order = 1; order <= NGRAM_ORDERS; order++) {
        size_t place = 0, count, match = 0;
        uint32_t ngram;
        while (caption_next(&candidate, order, &place, &ngram, &count)) {
            const size_t most = most_in_a_reference(set, picture, order, ngram);
            match += count < most ? count : most;
        }
        sums.match[order - 1] = (double)match;
        sums.guess[order - 1] = (double)candidate.ngrams[order - 1];
    }
    return sums;
}

static void add(struct sums *total, const struct sums *sums) {
    for (int k = 0; k < NGRAM_ORDERS; k++) {
        total->match[k] += sums->match[k];
        total->guess[k] += sums->guess[k];
    }
    total->length += sums->length;
    total->reference_length += sums->reference_length;
}

static void score(const struct sums *sums, double score[NGRAM_ORDERS]) {
    static const double small = 1e-9, tiny = 1e-15;
    const double ratio = (sums->length + tiny) / (sums->reference_length + small);
    const double brevity = ratio < 1 ? exp(1 - 1 / ratio) : 1;
    double product = 1;
    for (int k = 0; k < NGRAM_ORDERS; k++) {
        product *= (sums->match[k] + tiny) / (sums->guess[k] + small);
        score[k] = pow(product, 1.0 / (k + 1)) * brevity;
    }
}

void bleu_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures,
                 double corpus[NGRAM_ORDERS], double (*each)[NGRAM_ORDERS]) {
    struct sums total = {.length = 0};
    for (size_t i = 0; i < pictures; i++) {
        const struct sums sums = sum_picture(set, &picture[i]);
        add(&total, &sums);
        score(&sums, each[i]);
    }
    score(&total, corpus);
}
