// Embeddings, and which of them are nearly alike.
#pragma once

#include <stdint.h>

#include "base/memory.h"
#include "tensor/safetensors.h"

struct rows {
    float *row; // [N,E], made of length 1; zeros where the file has zeros
    int64_t N, E;
};
// FILE.npy, or `embedding` of FILE.safetensors, as pipelines/embed.sh writes them: f32 [N,E]. 0 or -EXIT_DATA,
// reported: another type or shape, a row that is not finite. rows_release in any case.
int rows_read(struct rows *rows, const char *path);
void rows_release(struct rows *rows);
int64_t rows_zero(const struct rows *rows); // how many are zeros: what could not be read

struct near_row {
    int64_t row;      // −1: none
    float similarity; // inner product
};
// For each row the most similar one of `against` (of as many elements), or, NULL, of the rows before it for which none
// was found, if it is at least `least`. Rows of zeros are like none. The caller frees.
struct near_row *near_rows(const struct rows *rows, const struct rows *against, float least);
