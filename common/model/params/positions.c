// Resamples position embeddings: each output is a weighted sum of a few inputs along one axis ("taps"), a grid is
// resampled along one axis and then the other. params_load calls it.
#include "model/params/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// The side of a square of so many places, or 0.
static int64_t side_of(int64_t places) {
    int64_t side = (int64_t)(sqrt((double)places) + 0.5);
    return side * side == places ? side : 0;
}

// Rows before the grid: a square and one more is a grid with a class token.
static int64_t class_rows(int64_t rows) {
    return side_of(rows) ? 0 : 1;
}

bool positions_fit(const struct param *param, struct shape found) {
    if (found.rank != 2 || found.dim[0] < 1 || found.dim[1] != param->shape.dim[1]) return false;
    int64_t extra = class_rows(param->shape.dim[0]);
    bool grid = param->positions == POSITIONS_GRID && found.dim[0] > extra && side_of(found.dim[0] - extra);
    return grid || param->positions == POSITIONS_CAPTION;
}

// What one output takes of the inputs first … first + count.
struct taps {
    int64_t first, count;
    double *weight;
};

static double cubic(double x) { // a = −0.5
    x = fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

// Output `at` of `out` from `in`: the filter is as wide as the step between outputs, and never narrower than inputs.
static void cubic_taps(struct taps *taps, int64_t in, int64_t out, int64_t at) {
    double scale = (double)in / (double)out, width = scale > 1 ? scale : 1, centre = scale * ((double)at + 0.5);
    int64_t first = (int64_t)(centre - 2 * width + 0.5), end = (int64_t)(centre + 2 * width + 0.5);
    double sum = 0;
    taps->first = first > 0 ? first : 0;
    taps->count = (end < in ? end : in) - taps->first;
    for (int64_t i = 0; i < taps->count; i++)
        sum += taps->weight[i] = cubic(((double)(taps->first + i) - centre + 0.5) / width);
    for (int64_t i = 0; i < taps->count; i++) taps->weight[i] /= sum;
}

// Between the two inputs that enclose a place in 0 … in − 1.
static void enclosing_taps(struct taps *taps, int64_t in, double place) {
    taps->first = (int64_t)place;
    taps->count = taps->first + 1 < in ? 2 : 1;
    taps->weight[1] = place - (double)taps->first;
    taps->weight[0] = taps->count == 2 ? 1 - taps->weight[1] : 1;
}

// The first and the last output are the first and the last input.
static void corner_taps(struct taps *taps, int64_t in, int64_t out, int64_t at) {
    enclosing_taps(taps, in, out > 1 ? (double)(at * (in - 1)) / (double)(out - 1) : 0);
}

// Inputs and outputs stand in the middles of equal parts of one length.
static void middle_taps(struct taps *taps, int64_t in, int64_t out, int64_t at) {
    enclosing_taps(taps, in, fmax(0, (double)in / (double)out * ((double)at + 0.5) - 0.5));
}

typedef void taps_function(struct taps *taps, int64_t in, int64_t out, int64_t at);

// One axis of from[outer,in,inner] → to[outer,out,inner].
static void resample_axis(double *to, const double *from, int64_t outer, int64_t in, int64_t out, int64_t inner,
                          taps_function *taps_of) {
    struct taps taps = {.weight = xcalloc((size_t)in + 1, sizeof *taps.weight)};
    for (int64_t at = 0; at < out; at++) {
        taps_of(&taps, in, out, at);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t d = 0; d < inner; d++) {
                double sum = 0;
                for (int64_t i = 0; i < taps.count; i++)
                    sum += taps.weight[i] * from[(o * in + taps.first + i) * inner + d];
                to[(o * out + at) * inner + d] = sum;
            }
    }
    free(taps.weight);
}

static void resample_grid(double *to, const double *from, int64_t in, int64_t out, int64_t D, taps_function *taps_of) {
    double *wide = xcalloc((size_t)(in * out * D), sizeof *wide);
    resample_axis(wide, from, in, in, out, D, taps_of);
    resample_axis(to, wide, 1, in, out, out * D, taps_of);
    free(wide);
}

static const struct {
    taps_function *taps_of;
    const char *words;
} rules[RESAMPLES] = {
    [RESAMPLE_BICUBIC] = {cubic_taps, "bicubic, antialiased, a = -0.5, as open_clip does"},
    [RESAMPLE_LINEAR] = {corner_taps, "linear between corners, as big_vision does"},
};

const char *positions_rule(const struct param *param, enum resample resample) {
    return param->positions == POSITIONS_GRID ? rules[resample].words : "linear";
}

void positions_resample(real *to, const struct param *param, enum resample resample, const real *from,
                        struct shape found) {
    int64_t rows = param->shape.dim[0], old = found.dim[0], D = found.dim[1], extra = class_rows(rows);
    double *in = xcalloc((size_t)(old * D), sizeof *in), *out = xcalloc((size_t)(rows * D), sizeof *out);
    for (int64_t i = 0; i < old * D; i++) in[i] = from[i];
    if (param->positions == POSITIONS_GRID) {
        memcpy(out, in, (size_t)(extra * D) * sizeof *out);
        resample_grid(out + extra * D, in + extra * D, side_of(old - extra), side_of(rows - extra), D,
                      rules[resample].taps_of);
    } else {
        resample_axis(out, in, 1, old, rows, D, middle_taps);
    }
    for (int64_t i = 0; i < rows * D; i++) to[i] = (real)out[i];
    free(in);
    free(out);
}
