// NumPy's .npy format, version 1.0, C order. bf16 is written as f32.
#pragma once

#include "base/file.h"
#include "tensor/tensor.h"

int npy_write(const char *path, const struct tensor *tensor); // 0 or -EXIT_RUN
// Appends what stands before the elements, of which tensor->data is not looked at.
void npy_begin(struct buffer *out, const struct tensor *tensor);

// Reads into `tensor`, whose data lies in `memory` (empty before; the caller releases it, also after a failure).
// Big-endian, Fortran-order and other dtypes are refused. 0 or -EXIT_DATA, reported.
int npy_read(const char *path, struct tensor *tensor, struct buffer *memory);
