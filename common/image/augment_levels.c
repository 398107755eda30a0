// Operations that give each level of a channel another one, by a table.
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "image/augment_ops.h"

enum { LEVELS = 256 };

static void map_channel(uint8_t *pixels, int size, const uint8_t table[LEVELS]) {
    for (size_t left = (size_t)size * (size_t)size; left; left--, pixels += 3) *pixels = table[*pixels];
}

static void map_all(uint8_t *pixels, int size, const uint8_t table[LEVELS]) {
    for (size_t i = 0, count = 3 * (size_t)size * (size_t)size; i < count; i++) pixels[i] = table[pixels[i]];
}

AUGMENT_OP(augment_posterize) {
    const int bits = (int)lrint(magnitude);
    uint8_t table[LEVELS];
    (void)scratch;
    for (int i = 0; i < LEVELS; i++) table[i] = (uint8_t)(i >> (8 - bits) << (8 - bits));
    map_all(pixels, size, table);
}

AUGMENT_OP(augment_solarize) {
    uint8_t table[LEVELS];
    (void)scratch;
    for (int i = 0; i < LEVELS; i++) table[i] = (uint8_t)(i < magnitude ? i : 255 - i);
    map_all(pixels, size, table);
}

struct histogram {
    int64_t count[LEVELS];
    int low, high; // the first and the last level that occurs
};

static void count_levels(struct histogram *levels, const uint8_t *pixels, int size) {
    *levels = (struct histogram){.high = LEVELS - 1};
    for (size_t left = (size_t)size * (size_t)size; left; left--, pixels += 3) levels->count[*pixels]++;
    while (!levels->count[levels->low]) levels->low++;
    while (!levels->count[levels->high]) levels->high--;
}

static uint8_t level_within(int64_t level) {
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

// From the lowest level at 0 to the highest at 255; cut off, not rounded.
static void spread(uint8_t table[LEVELS], const struct histogram *levels) {
    const double scale = 255.0 / (levels->high - levels->low), offset = -levels->low * scale;
    for (int i = 0; i < LEVELS; i++) table[i] = level_within((int64_t)(i * scale + offset));
}

AUGMENT_OP(augment_auto_contrast) {
    (void)magnitude, (void)scratch;
    for (int c = 0; c < 3; c++) {
        struct histogram levels;
        uint8_t table[LEVELS];
        count_levels(&levels, pixels + c, size);
        if (levels.low == levels.high) continue;
        spread(table, &levels);
        map_channel(pixels + c, size, table);
    }
}

// The share of the pixels below a level, in steps of which 255 are all pixels but the brightest.
static void flatten(uint8_t table[LEVELS], const struct histogram *levels, int64_t step) {
    int64_t below = step / 2;
    for (int i = 0; i < LEVELS; below += levels->count[i++]) table[i] = level_within(below / step);
}

AUGMENT_OP(augment_equalize) {
    (void)magnitude, (void)scratch;
    for (int c = 0; c < 3; c++) {
        struct histogram levels;
        uint8_t table[LEVELS];
        count_levels(&levels, pixels + c, size);
        const int64_t step = ((int64_t)size * size - levels.count[levels.high]) / 255;
        if (!step) continue;
        flatten(table, &levels, step);
        map_channel(pixels + c, size, table);
    }
}
