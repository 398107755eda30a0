// Embeddings in a file, as `coca-score embed` writes them, or another program: every row is looked at once, so that
// nothing that is computed of them has to ask whether they are numbers.
#include "matrix.h"

#include <inttypes.h>
#include <math.h>

#include "tensor/npy.h"

void matrix_release(struct matrix *matrix) {
    buffer_release(&matrix->memory);
    *matrix = (struct matrix){0};
}

// As f32, in place of what was read.
static void make_f32(struct matrix *matrix, const struct tensor *tensor) {
    struct buffer narrow = {0};
    const size_t count = (size_t)shape_count(tensor->shape);
    matrix->row = tensor->data;
    if (tensor->dtype == DT_F32) return;
    buffer_reserve(&narrow, count * sizeof *matrix->row);
    dtype_convert(narrow.bytes, DT_F32, tensor->data, tensor->dtype, count);
    buffer_release(&matrix->memory);
    matrix->memory = narrow;
    matrix->row = (float *)(void *)narrow.bytes;
}

static int check_row(const float *row, int64_t E, int64_t number, const char *path) {
    bool zero = true;
    for (int64_t e = 0; e < E; e++) {
        if (!isfinite(row[e]))
            return error(EXIT_DATA, "%s: row %" PRId64 " is not finite (NaN or infinite, or too large for f32)", path,
                         number);
        zero = zero && row[e] == 0;
    }
    if (!zero) return 0;
    return error(EXIT_DATA, "%s: row %" PRId64 " is zero: its picture could not be read; leave the record out", path,
                 number);
}

int matrix_read(struct matrix *matrix, const char *path) {
    struct tensor tensor;
    int status = npy_read(path, &tensor, &matrix->memory);
    if (status) return status;
    if (tensor.shape.rank != 2 || shape_count(tensor.shape) == 0)
        return error(EXIT_DATA, "%s: is no matrix of a row a picture", path);
    if (tensor.dtype != DT_F32 && tensor.dtype != DT_F64 && tensor.dtype != DT_F16)
        return error(EXIT_DATA, "%s: holds %s; features are f32, f64 or f16", path, dtype_name(tensor.dtype));
    matrix->N = tensor.shape.dim[0];
    matrix->E = tensor.shape.dim[1];
    make_f32(matrix, &tensor);
    for (int64_t i = 0; i < matrix->N && !status; i++)
        status = check_row(matrix->row + i * matrix->E, matrix->E, i, path);
    return status;
}
