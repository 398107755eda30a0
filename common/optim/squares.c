// Measures gradients, for the clipping of their norm and for the refusal of those that are not finite. Each tensor's
// sum is the backend's of one array; there is one wait for the device whatever their number.
#include "optim/squares.h"

#include <math.h>

void gradient_squares(const struct params *params, double *squares) {
    struct ops *ops = params->ops;
    const size_t bytes = (size_t)params->count * sizeof *squares;
    ops->zero(ops, params->squares, bytes);
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        if (param->own >= 0)
            ops->sum_squares(ops, params->squares + i, params->gradient + param->offset, shape_count(param->shape));
    }
    ops->download(ops, squares, params->squares, bytes);
}

double squares_total(const struct params *params, const double *squares) {
    double sum = 0;
    for (int i = 0; i < params->count; i++) sum += squares[i];
    return sum;
}

const char *squares_bad(const struct params *params, const double *squares) {
    for (int i = 0; i < params->count; i++)
        if (!isfinite(squares[i])) return params->item[i].name;
    return "";
}
