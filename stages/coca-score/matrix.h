// A matrix of embeddings.
#pragma once

#include <stdint.h>

#include "base/memory.h"

struct matrix {
    float *row; // [N,E]
    int64_t N, E;
    struct buffer memory;
};
// Reads FILE.npy, f32, f64 or f16 [N,E]. 0 or -EXIT_DATA, reported: no matrix, a row that is not finite or all zeros.
// matrix_release in any case.
int matrix_read(struct matrix *matrix, const char *path);
void matrix_release(struct matrix *matrix);
