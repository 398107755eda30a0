// Filter weights of one axis of a resize.
#pragma once

#include <stdint.h>

#include "image/image.h"

// Fixed-point fraction bits of a weight: 8 bits of pixel, 22 of weight and 2 for sums that overshoot fill 32.
#define WEIGHT_BITS 22

// Output i is the sum over t < taps[i] of weights[i][t] * source[first + start[i] + t]. Rows of weights are padded
// with zeros to 4 * groups taps, and outputs to a multiple of 4 with rows of zeros.
struct axis {
    int first, count; // the source elements that the outputs need
    int size;         // outputs
    int groups;       // of four taps, in each row of weights
    int *start;       // [size], ascending; multiples of `align`
    int *taps;        // [size], at most `longest`
    int longest;
    int32_t *weights; // [size, groups, 4]
};

// What an axis maps: `source` elements, of which the interval low … high (within 0 … source) becomes `target` outputs;
// of these `size` from `first` on are made.
struct axis_map {
    int source;
    double low, high;
    int target, first, size;
    enum image_filter filter;
};

// Cubic convolution with a = -1/2 (Keys 1981), or a triangle, stretched by the shrink factor against aliasing, cut at
// the source's ends and normalised. Evaluated and rounded as PIL does, so that results equal its bit for bit.
void axis_begin(struct axis *axis, const struct axis_map *map, int align);
void axis_end(struct axis *axis);
