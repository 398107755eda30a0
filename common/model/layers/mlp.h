// The residual branch x + c_proj(activation(c_fc(ln_2(x)))).
#pragma once

#include "model/layers/linear.h"
#include "model/layers/norm.h"

struct mlp {
    struct norm norm;
    struct linear c_fc, c_proj;
    enum activation activation;
};

struct mlp_state {
    struct norm_state norm;
    void *pre, *hidden; // [R,hidden], before and after the activation
    void *out;          // [R,D]; without training the input itself
};

struct mlp_scratch {
    void *d_norm, *d_pre; // [R,D], [R,hidden]
};

struct mlp mlp_find(const struct params *params, const char *prefix, int64_t D, int64_t hidden,
                    enum activation activation);
void mlp_plan(struct mlp_state *state, void *in, int64_t R, int64_t D, int64_t hidden, struct planner *planner);
void mlp_plan_scratch(struct mlp_scratch *scratch, int64_t R, int64_t D, int64_t hidden, struct planner *planner);

void mlp_apply(struct ops *ops, const struct mlp *mlp, struct mlp_state *state, const void *in, int64_t R);
// d_x[R,D]: the gradient of the output becomes that of the input.
void mlp_backward(struct ops *ops, const struct mlp *mlp, const struct mlp_state *state, struct mlp_scratch *scratch,
                  void *d_x, const void *in, int64_t R);
