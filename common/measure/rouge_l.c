// The best precision and the best recall are taken apart, so they may be of different references. A text is cut at each
// single blank here: an empty caption is one empty word, and agrees with another empty one.
#include "measure/rouge_l.h"

#include <stdlib.h>
#include <string.h>

// The length of the longest common subsequence; `row` has room for b->pieces + 1.
static size_t common(const struct caption *a, const struct caption *b, size_t *row) {
    memset(row, 0, (b->pieces + 1) * sizeof *row);
    for (size_t i = 0; i < a->pieces; i++) {
        size_t diagonal = 0;
        for (size_t j = 1; j <= b->pieces; j++) {
            const size_t above = row[j];
            if (a->piece[i] == b->piece[j - 1])
                row[j] = diagonal + 1;
            else if (row[j - 1] > above)
                row[j] = row[j - 1];
            diagonal = above;
        }
    }
    return row[b->pieces];
}

static double score(const struct caption_set *set, const struct captioned *picture) {
    static const double weight = 1.2 * 1.2;
    const struct caption candidate = caption_set_get(set, picture->candidate);
    size_t *row = xcalloc(candidate.pieces + 1, sizeof *row);
    double precision = 0, recall = 0;
    for (size_t i = 1; i <= picture->references; i++) {
        const struct caption reference = caption_set_get(set, picture->candidate + i);
        const double length = (double)common(&reference, &candidate, row);
        if (length / (double)candidate.pieces > precision) precision = length / (double)candidate.pieces;
        if (length / (double)reference.pieces > recall) recall = length / (double)reference.pieces;
    }
    free(row);
    return precision > 0 ? (1 + weight) * precision * recall / (recall + weight * precision) : 0;
}

double rouge_l_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures, double *each) {
    double sum = 0;
    for (size_t i = 0; i < pictures; i++) sum += each[i] = score(set, &picture[i]);
    return pictures ? sum / (double)pictures : 0;
}
