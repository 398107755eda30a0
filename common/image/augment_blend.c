// Operations that mix the picture with a duller one, or go on beyond it: brightness with black, colour with its greys,
// contrast with its mean grey, sharpness with its blur. The duller one is made in scratch.
#include <stddef.h>
#include <string.h>

#include "image/augment_ops.h"

// In floats and cut off, as Pillow.
static void blend(uint8_t *restrict pixels, const uint8_t *restrict dull, int size, double magnitude) {
    const float share = (float)(1 + magnitude);
    for (size_t i = 0, count = 3 * (size_t)size * (size_t)size; i < count; i++) {
        float mixed = (float)dull[i] + share * (float)(pixels[i] - dull[i]);
        mixed = mixed > 0 ? mixed : 0;
        pixels[i] = (uint8_t)(mixed < 255 ? mixed : 255);
    }
}

// ITU-R 601's luma in 1/65536, rounded.
static int grey_of(const uint8_t *pixel) {
    return (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 32768) >> 16;
}

static int mean_grey(const uint8_t *pixels, int size) {
    const size_t count = (size_t)size * (size_t)size;
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += grey_of(pixels + 3 * i);
    return (int)((double)sum / (double)count + 0.5);
}

static void make_uniform(uint8_t *dull, int size, int level) {
    memset(dull, level, 3 * (size_t)size * (size_t)size);
}

static void make_grey(uint8_t *restrict dull, const uint8_t *restrict pixels, int size) {
    for (size_t i = 0, count = 3 * (size_t)size * (size_t)size; i < count; i += 3)
        dull[i] = dull[i + 1] = dull[i + 2] = (uint8_t)grey_of(pixels + i);
}

// The mean of nine with the middle counted five times, rounded: s/13 + 1/2 never is a whole number.
static inline uint8_t blurred(const uint8_t *above, const uint8_t *at, const uint8_t *below) {
    const int sum = above[-3] + above[0] + above[3] + at[-3] + 5 * at[0] + at[3] + below[-3] + below[0] + below[3];
    return (uint8_t)((2 * sum + 13) / 26);
}

static void blur_row(uint8_t *restrict dull, const uint8_t *restrict pixels, size_t row) {
    for (size_t i = 3; i + 3 < row; i++) dull[i] = blurred(pixels + i - row, pixels + i, pixels + i + row);
}

// The outermost pixels stay as they are.
static void make_blurred(uint8_t *dull, const uint8_t *pixels, int size) {
    const size_t row = 3 * (size_t)size;
    memcpy(dull, pixels, row * (size_t)size);
    for (int y = 1; y < size - 1; y++) blur_row(dull + row * (size_t)y, pixels + row * (size_t)y, row);
}

AUGMENT_OP(augment_brightness) {
    make_uniform(scratch, size, 0);
    blend(pixels, scratch, size, magnitude);
}

AUGMENT_OP(augment_contrast) {
    make_uniform(scratch, size, mean_grey(pixels, size));
    blend(pixels, scratch, size, magnitude);
}

AUGMENT_OP(augment_colour) {
    make_grey(scratch, pixels, size);
    blend(pixels, scratch, size, magnitude);
}

AUGMENT_OP(augment_sharpness) {
    make_blurred(scratch, pixels, size);
    blend(pixels, scratch, size, magnitude);
}
