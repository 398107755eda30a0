// Ties the parameters of a linear map to the backend's products. Every projection of the model goes through here, so
// this is where layout is decided: weights named ".weight" are PyTorch's [O,I], bare matrices (proj, text_projection)
// CLIP's [I,O]. Products read the weight in the compute type; its gradient is summed in f32, over all microbatches of a
// step.
#include "model/layers/linear.h"

struct linear linear_find(const struct params *params, const char *prefix, int64_t I, int64_t O) {
    return (struct linear){.weight = params_weight(params, "%s.weight", prefix),
                           .bias = params_weight(params, "%s.bias", prefix),
                           .I = I,
                           .O = O,
                           .layout = WEIGHT_OUT_IN};
}

struct linear linear_matrix(struct weight weight, int64_t I, int64_t O) {
    return (struct linear){.weight = weight, .I = I, .O = O, .layout = WEIGHT_IN_OUT};
}

struct linear_shape linear_shape_of(const struct linear *linear, int64_t R) {
    return (struct linear_shape){R, linear->I, linear->O, linear->layout, linear->weight.scale};
}

void linear_apply(struct ops *ops, const struct linear *linear, void *out, const void *in, const void *residual,
                  int64_t R) {
    ops->linear_forward(ops, out, in, linear->weight.value, linear->bias.value, residual, linear_shape_of(linear, R));
}

void linear_weight_backward(struct ops *ops, const struct linear *linear, const void *d_out, const void *in,
                            int64_t R) {
    ops->linear_backward_weight(ops, linear->weight.gradient, linear->bias.gradient, d_out, in,
                                linear_shape_of(linear, R));
}

void linear_backward(struct ops *ops, const struct linear *linear, void *d_in, const void *d_out, const void *in,
                     int64_t R) {
    linear_weight_backward(ops, linear, d_out, in, R);
    ops->linear_backward_input(ops, d_in, d_out, linear->weight.value, linear_shape_of(linear, R), false);
}
