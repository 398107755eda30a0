// Which source pixels an output reads, and with what weights, along one axis: Pillow's precompute_coeffs, in its order
// of operations and its types, as the last bit of a weight decides over the last bit of a pixel. resize.c makes one for
// each axis; the kernels rewrite the weights into their own form.
//
// Output i covers the source interval low + [i, i + 1]·scale, centre c = low + (i + ½)·scale. When the picture shrinks,
// the filter is stretched by the same factor, so that it averages over all that an output covers: its support is s =
// 2·shrink (cubic) or shrink (linear), and source pixel j, whose centre is j + ½, weighs f((j + ½ − c)/shrink), for j
// from ⌊c − s + ½⌋ to before ⌊c + s + ½⌋. Weights are divided by their sum, which also settles the ends of the picture,
// where some are missing, and rounded to 22 bits of fraction.
#include "image/resize_axis.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

// Keys' cubic at distance x from the centre, in units of the (stretched) grid, a = −½: (a+2)x³ − (a+3)x² + 1 up to 1,
// then a(x³ − 5x² + 8x − 4) up to 2; no branches, so that it runs as vectors.
static inline double cubic(double x) {
    x = fabs(x);
    double near = (1.5 * x - 2.5) * x * x + 1;
    double far = (((x - 5) * x + 8) * x - 4) * -0.5;
    return x < 1 ? near : x < 2 ? far : 0;
}

static inline double linear(double x) {
    return fmax(0, 1 - fabs(x));
}

static const double supports[] = {[FILTER_BICUBIC] = 2, [FILTER_BILINEAR] = 1};

struct stretch {
    enum image_filter filter;
    double low, scale, support, frequency;
};

// Pillow takes the box as floats and goes on in double.
static struct stretch stretch_of(const struct axis_map *map) {
    double scale = (double)((float)map->high - (float)map->low) / map->target, shrink = scale < 1 ? 1 : scale;
    return (struct stretch){map->filter, (float)map->low, scale, supports[map->filter] * shrink, 1 / shrink};
}

static double centre_of(const struct stretch *stretch, int output) {
    return stretch->low + (output + 0.5) * stretch->scale;
}

// Source elements [*from, *to) that output `output` reads.
static void reach(const struct stretch *stretch, int source, int output, int *from, int *to) {
    double centre = centre_of(stretch, output);
    int low = (int)(centre - stretch->support + 0.5), high = (int)(centre + stretch->support + 0.5);
    *from = low < 0 ? 0 : low;
    *to = high > source ? source : high;
}

// taps [count]: weights of the elements from `from` on, in fixed point. `exact` [count] is scratch.
static void weigh(int32_t *taps, double *exact, int count, int from, double centre, const struct stretch *stretch) {
    const double frequency = stretch->frequency;
    double sum = 0;
    if (stretch->filter == FILTER_BILINEAR)
        for (int t = 0; t < count; t++) exact[t] = linear((t + from - centre + 0.5) * frequency);
    else
        for (int t = 0; t < count; t++) exact[t] = cubic((t + from - centre + 0.5) * frequency);
    for (int t = 0; t < count; t++) sum += exact[t];
    for (int t = 0; t < count; t++) {
        double weight = exact[t] / sum * (1 << WEIGHT_BITS);
        taps[t] = (int32_t)(weight + copysign(0.5, weight));
    }
}

// Fills start and taps, each start moved down to a multiple of `align`, for kernels that load whole groups of pixels;
// returns the most taps of an output. Starts and ends both ascend, so the first output's start and the last one's end
// are all that is read.
static int place(struct axis *axis, const struct axis_map *map, const struct stretch *stretch, int align) {
    int longest = 0, from = 0, to = 0;
    for (int i = 0; i < map->size; i++) {
        reach(stretch, map->source, map->first + i, &from, &to);
        if (i == 0) axis->first = from;
        axis->start[i] = (from - axis->first) / align * align;
        axis->taps[i] = to - axis->first - axis->start[i];
        longest = axis->taps[i] > longest ? axis->taps[i] : longest;
    }
    axis->count = to - axis->first;
    return longest;
}

// Weights of pixels that only alignment brought in stay zero, `lead` of them in front.
void axis_begin(struct axis *axis, const struct axis_map *map, int align) {
    struct stretch stretch = stretch_of(map);
    size_t rows = ((size_t)map->size + 3) / 4 * 4;
    *axis = (struct axis){.size = map->size};
    axis->start = xcalloc(rows, sizeof *axis->start);
    axis->taps = xcalloc(rows, sizeof *axis->taps);
    axis->longest = place(axis, map, &stretch, align);
    axis->groups = (axis->longest + 3) / 4;
    axis->weights = xcalloc(rows * (size_t)axis->groups, sizeof *axis->weights * 4);
    double *exact = xmalloc((size_t)axis->longest * sizeof *exact);
    for (int i = 0; i < map->size; i++) {
        int from, to;
        reach(&stretch, map->source, map->first + i, &from, &to);
        int lead = from - axis->first - axis->start[i];
        weigh(axis->weights + (size_t)i * 4 * (size_t)axis->groups + lead, exact, to - from, from,
              centre_of(&stretch, map->first + i), &stretch);
    }
    free(exact);
}

void axis_end(struct axis *axis) {
    free(axis->start);
    free(axis->taps);
    free(axis->weights);
}
