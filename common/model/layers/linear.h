// A linear map and its parameters: rows of I elements to rows of O elements.
#pragma once

#include "model/params/params.h"

struct linear {
    struct weight weight, bias; // a bias whose value is NULL is none
    int64_t I, O;
    enum weight_layout layout;
};

struct linear linear_find(const struct params *params, const char *prefix, int64_t I, int64_t O); // .weight and .bias
struct linear linear_matrix(struct weight weight, int64_t I, int64_t O);                          // [I,O], no bias

// out[R,O] = in[R,I]·W + bias + residual, which may be NULL or out itself.
void linear_apply(struct ops *ops, const struct linear *linear, void *out, const void *in, const void *residual,
                  int64_t R);
// d_in[R,I] = d_out[R,O] back through the map; the gradients of weight and bias accumulate.
void linear_backward(struct ops *ops, const struct linear *linear, void *d_in, const void *d_out, const void *in,
                     int64_t R);
// The second half of it alone.
void linear_weight_backward(struct ops *ops, const struct linear *linear, const void *d_out, const void *in, int64_t R);
struct linear_shape linear_shape_of(const struct linear *linear, int64_t R);
