// Sums and products of counts that come from outside: options, headers of files and messages, sizes of what is read.
// What multiplies two of them uses these, so that what does not fit is refused instead of wrapping.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// True with the result when both are counts, at least 0, and the result fits; the arguments may be wider types' values,
// of which those above INT64_MAX are no counts here. Else false, and the result is not to be used.
static inline bool count_multiply(int64_t a, int64_t b, int64_t *product) {
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product);
}
static inline bool count_add(int64_t a, int64_t b, int64_t *sum) {
    return a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, sum);
}
