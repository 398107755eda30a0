// Shapes: how many elements and bytes they are, for messages, files and whoever lays memory out. Sizes that come from
// outside go through shape_bytes, the one place where products of dimensions are checked; behind it shape_count may
// multiply without asking. A tensor owns nothing, so there is nothing to release.
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/count.h"
#include "base/fail.h"

struct shape shape_of(int rank, const int64_t *dim) {
    if (rank > TENSOR_DIMS) bug("a shape of %d dimensions", rank);
    struct shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++) shape.dim[i] = dim[i];
    return shape;
}

bool shape_equal(struct shape a, struct shape b) {
    return a.rank == b.rank && !memcmp(a.dim, b.dim, (size_t)a.rank * sizeof *a.dim);
}

int64_t shape_count(struct shape shape) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) count *= shape.dim[i];
    return count;
}

// Zeros are left out of the product, so that the other dimensions are checked beside them too: shape_count multiplies
// in the order of the dimensions and would overflow before it comes to a zero.
int64_t shape_bytes(struct shape shape, enum dtype dtype) {
    if (shape.rank < 0 || shape.rank > TENSOR_DIMS) return -1;
    int64_t bytes = (int64_t)dtype_size(dtype);
    bool empty = false;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dim[i] == 0)
            empty = true;
        else if (!count_multiply(bytes, shape.dim[i], &bytes))
            return -1;
    }
    return empty ? 0 : bytes;
}

const char *shape_format(struct shape shape, char text[SHAPE_TEXT]) {
    int used = snprintf(text, SHAPE_TEXT, "[");
    for (int i = 0; i < shape.rank; i++)
        used += snprintf(text + used, SHAPE_TEXT - (size_t)used, i ? ",%" PRId64 : "%" PRId64, shape.dim[i]);
    snprintf(text + used, SHAPE_TEXT - (size_t)used, "]");
    return text;
}

int64_t tensor_bytes(const struct tensor *tensor) {
    return shape_bytes(tensor->shape, tensor->dtype);
}
