// Weights in f32 to whole numbers of a byte and a scale for each output: once, when a model is read. Outputs are rows
// or columns of the matrix, whichever way it lies; loops run along memory either way, and are plain enough for the
// compiler to make vectors of them on every x86-64.
#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/cpu/cpu.h"

struct quantization {
    int8_t *weight;
    float *scale;
    const float *from;
    struct linear_shape shape;
};

// Bits of |x|, whose order as whole numbers is that of the sizes; infinity is beyond all numbers and NaN beyond that.
static inline int32_t size_bits(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & INT32_MAX;
}

static float scale_of(int32_t largest) {
    float size;
    memcpy(&size, &largest, sizeof size);
    return size / 127 < FLT_MIN ? 0 : size / 127;
}

// What is divided by to get whole numbers: beyond all of them where the scale is none.
static float divisor_of(float scale) {
    return isnormal(scale) ? scale : INFINITY;
}

// To the nearest, ties to even: beside 1.5·2^23 an f32 has no digits behind the point, and its last byte is the whole
// number's. A NaN gives some byte.
static inline int8_t whole(float x) {
    float beside = x + 0x1.8p23F;
    int32_t bits;
    memcpy(&bits, &beside, sizeof bits);
    return (int8_t)bits;
}

static void quantize_row(const struct quantization *job, int64_t o) {
    int64_t I = job->shape.I;
    const float *from = job->from + o * I;
    int8_t *weight = job->weight + o * I;
    int32_t largest = 0;
    for (int64_t i = 0; i < I; i++) largest = size_bits(from[i]) > largest ? size_bits(from[i]) : largest;
    job->scale[o] = scale_of(largest);
    float divisor = divisor_of(job->scale[o]);
    for (int64_t i = 0; i < I; i++) weight[i] = whole(from[i] / divisor);
}

// Columns first … first + n, at most COLUMNS, of all rows.
#define COLUMNS 256
static void quantize_columns(const struct quantization *job, int64_t first, int64_t n) {
    int64_t O = job->shape.O;
    int32_t largest[COLUMNS] = {0};
    float divisor[COLUMNS];
    for (int64_t i = 0; i < job->shape.I; i++)
        for (int64_t o = 0; o < n; o++) {
            int32_t size = size_bits(job->from[i * O + first + o]);
            largest[o] = size > largest[o] ? size : largest[o];
        }
    for (int64_t o = 0; o < n; o++) job->scale[first + o] = scale_of(largest[o]);
    for (int64_t o = 0; o < n; o++) divisor[o] = divisor_of(job->scale[first + o]);
    for (int64_t i = 0; i < job->shape.I; i++)
        for (int64_t o = 0; o < n; o++)
            job->weight[i * O + first + o] = whole(job->from[i * O + first + o] / divisor[o]);
}

static void quantize_outputs(const void *context, struct share share) {
    const struct quantization *job = context;
    bool rows = job->shape.layout == WEIGHT_OUT_IN;
    struct range range = share_of(share, job->shape.O, rows ? 1 : COLUMNS);
    for (int64_t o = range.begin; o < range.end; o += rows ? 1 : COLUMNS)
        if (rows)
            quantize_row(job, o);
        else
            quantize_columns(job, o, range.end - o < COLUMNS ? range.end - o : COLUMNS);
}

void cpu_quantize(struct ops *ops, int8_t *weight, real *scale, const real *from, struct linear_shape shape) {
    cpu_run(cpu_of(ops), shape.I * shape.O, quantize_outputs, &(struct quantization){weight, scale, from, shape});
}
