// Updates of parameters. AdamW keeps averages m of g and v of g². After t updates from 0 they are sums with weights
// (1 − β)·β^(t−i), which add up to 1 − β^t and not to 1: hence the division by correction1 and correction2. Weight
// decay works on p itself and not through g, where v would scale it (AdamW's point).
//
// Adafactor keeps no v of a matrix [rows, columns] but the means of its rows, R, and of its columns, C. R·Cᵀ/mean(R) is
// the one matrix of rank 1 with these means: its row r has mean R[r]·mean(C)/mean(R) = R[r], since mean(R) and mean(C)
// are both the mean of all. So the memory is rows + columns, and u = g/√(R[r]·C[c]/mean(R)) where Adam has g/√v. The
// update's root mean square is about 1 when moments are up to date; where it is larger, they lag behind, and u is
// divided down to the threshold. Momentum is of what is left, and what it keeps, rounded, is what is applied.
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "ops/reference/reference.h"

void reference_sum_squares(struct ops *ops, double *total, const real *x, int64_t n) {
    (void)ops;
    for (int64_t i = 0; i < n; i++) *total += (double)x[i] * x[i];
}

void reference_adamw(struct ops *ops, real *p, real *m, real *v, const real *g, int64_t n,
                     const struct adamw_step *step) {
    (void)ops;
    for (int64_t i = 0; i < n; i++) {
        double gradient = g[i] * step->gradient_scale;
        m[i] = (real)(step->beta1 * m[i] + (1 - step->beta1) * gradient);
        v[i] = (real)(step->beta2 * v[i] + (1 - step->beta2) * gradient * gradient);
        double decayed = p[i] * (1 - step->lr * step->weight_decay);
        p[i] = (real)(decayed - step->lr * (m[i] / step->correction1) / (sqrt(v[i] / step->correction2) + step->eps));
    }
}

// Added to every g²: rows of zeros then have a moment to be divided by.
#define ADAFACTOR_EPSILON 1e-30

static double gradient_square(const real *g, const struct adafactor_step *step, int64_t i) {
    double gradient = g[i] * step->gradient_scale;
    return gradient * gradient + ADAFACTOR_EPSILON;
}

static void blend(real *average, double value, double beta) {
    *average = (real)(beta * *average + (1 - beta) * value);
}

// Second moments of one [rows, columns] gradient as means over columns and over rows.
static void factored_moments(real *row, real *column, const real *g, const struct adafactor_step *step) {
    for (int64_t r = 0; r < step->rows; r++) {
        double sum = 0;
        for (int64_t c = 0; c < step->columns; c++) sum += gradient_square(g, step, r * step->columns + c);
        blend(&row[r], sum / (double)step->columns, step->beta2);
    }
    for (int64_t c = 0; c < step->columns; c++) {
        double sum = 0;
        for (int64_t r = 0; r < step->rows; r++) sum += gradient_square(g, step, r * step->columns + c);
        blend(&column[c], sum / (double)step->rows, step->beta2);
    }
}

// u = g / √(row·column / mean(row)). Two roots of numbers of usual size: the product of two moments, about g⁴, leaves
// the range of f32.
static void factored_update(double *u, const real *row, const real *column, const real *g,
                            const struct adafactor_step *step) {
    double mean = 0;
    for (int64_t r = 0; r < step->rows; r++) mean += row[r] / (double)step->rows;
    for (int64_t r = 0; r < step->rows; r++)
        for (int64_t c = 0; c < step->columns; c++) {
            int64_t i = r * step->columns + c;
            u[i] = g[i] * step->gradient_scale / (sqrt(row[r] / mean) * sqrt(column[c]));
        }
}

// u for the whole tensor, matrix by matrix; without factors `row` holds a second moment for each element.
static void scaled_gradient(double *u, real *row, real *column, const real *g, const struct adafactor_step *step) {
    int64_t matrix = step->rows * step->columns;
    for (int64_t b = 0; b < step->batch; b++) {
        const real *gb = g + b * matrix;
        real *row_b = row + b * (step->factored ? step->rows : matrix);
        if (step->factored) {
            factored_moments(row_b, column + b * step->columns, gb, step);
            factored_update(u + b * matrix, row_b, column + b * step->columns, gb, step);
            continue;
        }
        for (int64_t i = 0; i < matrix; i++) {
            blend(&row_b[i], gradient_square(gb, step, i), step->beta2);
            u[b * matrix + i] = gb[i] * step->gradient_scale / sqrt(row_b[i]);
        }
    }
}

static double clip_divisor(const double *u, int64_t n, double threshold) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += u[i] * u[i];
    return fmax(1, sqrt(sum / (double)n) / threshold);
}

// Blends `value` into element i of the momentum and returns the new momentum as it is kept.
static double blend_momentum(void *momentum, int64_t i, double value, const struct adafactor_step *step) {
    if (step->momentum_dtype == DT_REAL) {
        blend((real *)momentum + i, value, step->beta1);
        return ((real *)momentum)[i];
    }
    uint16_t *kept = (uint16_t *)momentum + i;
    *kept = f32_to_bf16((float)(step->beta1 * bf16_to_f32(*kept) + (1 - step->beta1) * value));
    return bf16_to_f32(*kept);
}

void reference_adafactor(struct ops *ops, real *p, void *momentum, real *row, real *column, const real *g,
                         const struct adafactor_step *step) {
    (void)ops;
    int64_t n = step->batch * step->rows * step->columns;
    double *u = xmalloc((size_t)n * sizeof *u);
    scaled_gradient(u, row, column, g, step);
    double divisor = clip_divisor(u, n, step->clip_threshold);
    for (int64_t i = 0; i < n; i++) {
        double update = blend_momentum(momentum, i, u[i] / divisor, step);
        p[i] = (real)(p[i] * (1 - step->lr * step->weight_decay) - step->lr * update);
    }
    free(u);
}

void reference_accumulate(struct ops *ops, real *to, const real *from, int64_t n) {
    (void)ops;
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

void reference_moving_average(struct ops *ops, real *e, const real *p, double decay, int64_t n) {
    (void)ops;
    for (int64_t i = 0; i < n; i++) blend(&e[i], p[i], decay);
}
