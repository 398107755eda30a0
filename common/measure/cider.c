// A caption is a vector of its n-grams, each as often as it stands there, times the logarithm of how rare it is among
// the pictures. The score is the cosine to each reference, averaged over references and orders; what a candidate has
// more often than the reference does not count, and neither does a length that is not the reference's.
#include "measure/cider.h"

#include <math.h>
#include <stdlib.h>

struct cider {
    const struct caption_set *set;
    uint32_t *pictures_with; // by n-gram
    double log_pictures;
};

// An n-gram counts once for a picture, in however many of its references it stands.
static void count_pictures(struct cider *cider, const struct captioned *picture, size_t pictures) {
    const size_t ngrams = cider->set->ngrams.count + 1;
    uint32_t *last = xcalloc(ngrams, sizeof *last); // the picture, from 1, that counted it last
    cider->pictures_with = xcalloc(ngrams, sizeof *cider->pictures_with);
    for (size_t i = 0; i < pictures; i++)
        for (size_t r = 1; r <= picture[i].references; r++) {
            const struct caption caption = caption_set_get(cider->set, picture[i].candidate + r);
            for (int k = 0; k < NGRAM_ORDERS; k++)
                for (size_t g = 0; g < caption.ngrams[k]; g++) {
                    const uint32_t ngram = caption.ngram[k][g];
                    cider->pictures_with[ngram] += last[ngram] != i + 1;
                    last[ngram] = (uint32_t)(i + 1);
                }
        }
    free(last);
}

static double rarity(const struct cider *cider, uint32_t ngram) {
    const uint32_t pictures = cider->pictures_with[ngram];
    return cider->log_pictures - log(pictures > 1 ? pictures : 1);
}

static double norm(const struct cider *cider, const struct caption *caption, int order) {
    size_t place = 0, count;
    uint32_t ngram;
    double sum = 0;
    while (caption_next(caption, order, &place, &ngram, &count)) {
        const double value = (double)count * rarity(cider, ngram);
        sum += value * value;
    }
    return sqrt(sum);
}

static double cosine(const struct cider *cider, const struct caption *candidate, const struct caption *reference,
                     int order) {
    const double norms = norm(cider, candidate, order) * norm(cider, reference, order);
    size_t place = 0, count;
    uint32_t ngram;
    double sum = 0;
    while (caption_next(candidate, order, &place, &ngram, &count)) {
        const double other = (double)caption_count(reference, order, ngram), rare = rarity(cider, ngram);
        sum += fmin((double)count, other) * rare * other * rare;
    }
    return norms > 0 ? sum / norms : sum;
}

// The length is the number of word pairs.
static double score(const struct cider *cider, const struct captioned *picture) {
    static const double sigma = 6;
    const struct caption candidate = caption_set_get(cider->set, picture->candidate);
    double sum = 0;
    for (size_t i = 1; i <= picture->references; i++) {
        const struct caption reference = caption_set_get(cider->set, picture->candidate + i);
        const double apart = (double)candidate.ngrams[1] - (double)reference.ngrams[1];
        double cosines = 0;
        for (int order = 1; order <= NGRAM_ORDERS; order++) cosines += cosine(cider, &candidate, &reference, order);
        sum += cosines / NGRAM_ORDERS * exp(-apart * apart / (2 * sigma * sigma));
    }
    return 10 * sum / (double)picture->references;
}

double cider_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures, double *each) {
    struct cider cider = {.set = set, .log_pictures = log((double)pictures)};
    double sum = 0;
    count_pictures(&cider, picture, pictures);
    for (size_t i = 0; i < pictures; i++) sum += each[i] = score(&cider, &picture[i]);
    free(cider.pictures_with);
    return pictures ? sum / (double)pictures : 0;
}
