// The inner product that retrieval and zero-shot ranks compare. A rank asks which of two numbers is larger, and equal
// embeddings must tie wherever they lie: so the order of additions is written out and no library's, whose blocking may
// differ from row to row. Embeddings come normalised, so it is their cosine.
#include "measure/similarity.h"

#include <math.h>

enum { LANES = 16 }; // independent sums, so that the loop vectorises without reordering

float similarity(const float *a, const float *b, int64_t E) {
    float lane[LANES] = {0}, sum = 0;
    int64_t e = 0;
    for (; e + LANES <= E; e += LANES)
        for (int i = 0; i < LANES; i++) lane[i] += a[e + i] * b[e + i];
    for (; e < E; e++) sum += a[e] * b[e];
    for (int i = 0; i < LANES; i++) sum += lane[i];
    return sum;
}

void similarity_normalise(float *to, const float *from, int64_t E) {
    double squares = 0;
    for (int64_t e = 0; e < E; e++) squares += (double)from[e] * from[e];
    const double factor = squares > 0 ? 1 / sqrt(squares) : 0;
    for (int64_t e = 0; e < E; e++) to[e] = (float)(from[e] * factor);
}
