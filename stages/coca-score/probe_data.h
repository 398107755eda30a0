// Features of a dataset's pictures with their classes.
#pragma once

#include "matrix.h"

struct probe_data {
    const char *dataset; // borrowed: its folder
    int64_t N, E;
    float *row;     // [N,E], of the matrix
    int64_t *class; // [N], as the records have it, at least 0
    struct matrix matrix;
};

// Reads FILE.npy, f32, f64 or f16 [N,E], and the class of each of the dataset's N records. 0 or -EXIT_DATA, reported:
// another number of rows, a row that is not finite or all zeros, a record without a class. probe_data_release in any
// case.
int probe_data_read(struct probe_data *data, const char *features, const char *dataset);
void probe_data_release(struct probe_data *data);

// Brings each row to length 1.
void probe_data_normalise(struct probe_data *data);
