// Operations that mix the picture with a duller one, or go on beyond it: brightness with black, colour with its grey,
// contrast with its mean grey, sharpness with its blur.
#include <stddef.h>
#include <string.h>

#include "image/augment_ops.h"

// In floats and cut off, as Pillow.
static inline uint8_t blend(int dull, int level, float share) {
    const float mixed = (float)dull + share * (float)(level - dull);
    return (uint8_t)(mixed <= 0 ? 0 : mixed >= 255 ? 255 : mixed);
}

static float share_of(double magnitude) {
    return (float)(1 + magnitude);
}

static void blend_all(uint8_t *pixels, int size, int dull, float share) {
    for (size_t i = 0, count = 3 * (size_t)size * (size_t)size; i < count; i++)
        pixels[i] = blend(dull, pixels[i], share);
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

AUGMENT_OP(augment_brightness) {
    (void)scratch;
    blend_all(pixels, size, 0, share_of(magnitude));
}

AUGMENT_OP(augment_contrast) {
    (void)scratch;
    blend_all(pixels, size, mean_grey(pixels, size), share_of(magnitude));
}

AUGMENT_OP(augment_colour) {
    const float share = share_of(magnitude);
    (void)scratch;
    for (size_t left = (size_t)size * (size_t)size; left; left--, pixels += 3) {
        const int grey = grey_of(pixels);
        for (int c = 0; c < 3; c++) pixels[c] = blend(grey, pixels[c], share);
    }
}

// The mean of nine with the middle counted five times, rounded: s/13 + 1/2 never is a whole number.
static inline int blurred(const uint8_t *above, const uint8_t *at, const uint8_t *below) {
    const int sum = above[-3] + above[0] + above[3] + at[-3] + 5 * at[0] + at[3] + below[-3] + below[0] + below[3];
    return (2 * sum + 13) / 26;
}

// The blur leaves the outermost pixels as they are, and so does this.
AUGMENT_OP(augment_sharpness) {
    const float share = share_of(magnitude);
    const size_t row = 3 * (size_t)size;
    memcpy(scratch, pixels, row * (size_t)size);
    for (int y = 1; y < size - 1; y++) {
        const uint8_t *at = scratch + row * (size_t)y;
        uint8_t *out = pixels + row * (size_t)y;
        for (size_t i = 3; i + 3 < row; i++) out[i] = blend(blurred(at + i - row, at + i, at + i + row), at[i], share);
    }
}
