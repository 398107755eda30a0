// Coordinates in which softmax regression is about equally curved in every direction. Private to it.
#pragma once

#include "measure/softmax_regression.h"

struct softmax_scale {
    struct softmax_shape shape;
    double *factor;   // [E,E], lower triangle: factor·factorᵀ is the curvature of a class's weights, more or less
    double intercept; // the same of an intercept
};
// For the objective of softmax_fit over C·N, features less `mean` [E]; `ridge` is what the penalty adds to a curvature.
struct softmax_scale softmax_scale_new(const struct softmax_shape *shape, const struct softmax_sample *sample,
                                       int64_t N, const double *mean, double ridge);
void softmax_scale_release(struct softmax_scale *scale);

// [E+1,stride], in place: parameters to coordinates, back, and a gradient by parameters to one by coordinates.
void softmax_scale_enter(const struct softmax_scale *scale, double *parameters);
void softmax_scale_leave(const struct softmax_scale *scale, double *coordinates);
void softmax_scale_gradient(const struct softmax_scale *scale, double *gradient);
