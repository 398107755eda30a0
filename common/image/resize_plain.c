// The truth that the other versions are held to, and what runs without AVX2. A sum begins at one half in fixed point,
// so that cutting the fraction off rounds to nearest; weights of a cubic are partly negative, so a sum may leave 0 …
// 255 and is cut off there, after each pass.
#include "image/resize_kernels.h"

static bool usable(void) {
    return true;
}

static void prepare(int32_t (*weights)[4], size_t groups) {
    (void)weights;
    (void)groups;
}

static uint8_t pixel_of(int32_t sum) {
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void filter_row(uint8_t *out, const uint8_t *row, const struct axis *x) {
    for (int i = 0; i < x->size; i++) {
        const uint8_t *from = row + 3 * (size_t)x->start[i];
        const int32_t *weights = x->weights + (size_t)i * 4 * (size_t)x->groups;
        int32_t sum[3] = {1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1)};
        for (int t = 0; t < x->taps[i]; t++) {
            for (int c = 0; c < 3; c++) sum[c] += weights[t] * from[3 * t + c];
        }
        for (int c = 0; c < 3; c++) out[3 * i + c] = pixel_of(sum[c]);
    }
}

static void horizontal(uint8_t *const *out, const uint8_t *const *rows, const struct axis *x, uint8_t *scratch) {
    (void)scratch;
    for (int i = 0; i < KERNEL_ROWS; i++) filter_row(out[i], rows[i], x);
}

static void vertical(uint8_t *out, const uint8_t *const *rows, const int32_t (*weights)[4], int groups, size_t size) {
    for (size_t i = 0; i < size; i++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (int t = 0; t < 4 * groups; t++) sum += weights[t / 4][t % 4] * rows[t][i];
        out[i] = pixel_of(sum);
    }
}

const struct resize_kernels resize_plain = {"plain", ISA_V2, usable, prepare, horizontal, vertical};
