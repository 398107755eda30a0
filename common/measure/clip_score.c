// Both are means over pictures, which callers take.
#include "measure/clip_score.h"

#include "measure/similarity.h"

static double positive(double value) {
    return value > 0 ? value : 0;
}

struct clip_scores clip_scores(const float *image, const float *caption, const float *references, int64_t R,
                               int64_t E) {
    static const double weight = 2.5;
    struct clip_scores scores = {.image = weight * positive(similarity(caption, image, E))};
    double best = 0;
    for (int64_t r = 0; r < R; r++) {
        const double cosine = similarity(caption, references + r * E, E);
        if (cosine > best) best = cosine;
    }
    const double sum = scores.image + best;
    scores.reference = sum > 0 ? 2 * scores.image * best / sum : 0;
    return scores;
}
