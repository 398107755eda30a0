// A view of contiguous, row-major, little-endian elements. It owns nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

#define TENSOR_DIMS 6
#define TENSOR_NAME 128 // with its NUL

struct shape {
    int rank; // 0: one element
    int64_t dim[TENSOR_DIMS];
};

struct tensor {
    char name[TENSOR_NAME];
    enum dtype dtype;
    struct shape shape;
    void *data; // borrowed
};

#define SHAPE(...) shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
struct shape shape_of(int rank, const int64_t *dim);
bool shape_equal(struct shape a, struct shape b);
int64_t shape_count(struct shape shape);
// Bytes of a tensor of this shape, or -1 when a dimension is negative, the rank too high or the product overflows.
int64_t shape_bytes(struct shape shape, enum dtype dtype);
#define SHAPE_TEXT 160
const char *shape_format(struct shape shape, char text[SHAPE_TEXT]); // "[2,3]"; returns text

int64_t tensor_bytes(const struct tensor *tensor);
