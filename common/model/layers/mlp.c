// The second branch of every block. Called by transformer.c, the multimodal half and the cached decoder. The activation
// is fused with the product before it going forward, and with the product behind it going back, so that it costs no
// pass of its own over the wide matrix [R,hidden].
#include "model/layers/mlp.h"

struct mlp mlp_find(const struct params *params, const char *prefix, int64_t D, int64_t hidden,
                    enum activation activation) {
    char c_fc[TENSOR_NAME], c_proj[TENSOR_NAME];
    param_name(c_fc, "%s.mlp.c_fc", prefix);
    param_name(c_proj, "%s.mlp.c_proj", prefix);
    return (struct mlp){norm_find(params, prefix, "ln_2", D), linear_find(params, c_fc, D, hidden),
                        linear_find(params, c_proj, hidden, D), activation};
}

// Without training the branch's output may lie on its input, since the residual is added element by element where it is
// written. With training the input is needed again, by the LayerNorm's backward pass, and the output has its own place.
void mlp_plan(struct mlp_state *state, void *in, int64_t R, int64_t D, int64_t hidden, struct planner *planner) {
    state->out = planner->train ? plan_rows(planner, R, D) : in;
    norm_plan(&state->norm, R, D, planner);
    state->pre = plan_rows(planner, R, hidden);
    state->hidden = plan_rows(planner, R, hidden);
}

void mlp_plan_scratch(struct mlp_scratch *scratch, int64_t R, int64_t D, int64_t hidden, struct planner *planner) {
    scratch->d_norm = plan_rows(planner, R, D);
    scratch->d_pre = plan_rows(planner, R, hidden);
}

void mlp_apply(struct ops *ops, const struct mlp *mlp, struct mlp_state *state, const void *in, int64_t R) {
    norm_apply(ops, &mlp->norm, &state->norm, in, R);
    ops->linear_activation_forward(ops, state->hidden, state->pre, state->norm.out, mlp->c_fc.weight.value,
                                   mlp->c_fc.bias.value, linear_shape_of(&mlp->c_fc, R), mlp->activation);
    linear_apply(ops, &mlp->c_proj, state->out, state->hidden, in, R);
}

// With h = act(pre), pre = c_fc(ln_2(x)): d_W_proj += d_outᵀ·h and d_pre = (d_out·W_proj) ∘ act'(pre), hence both h and
// pre are kept. d_x enters as the gradient of the output, which the residual passes on, and the branch's is added.
void mlp_backward(struct ops *ops, const struct mlp *mlp, const struct mlp_state *state, struct mlp_scratch *scratch,
                  void *d_x, const void *in, int64_t R) {
    linear_weight_backward(ops, &mlp->c_proj, d_x, state->hidden, R);
    ops->linear_activation_backward_input(ops, scratch->d_pre, d_x, mlp->c_proj.weight.value, state->pre,
                                          linear_shape_of(&mlp->c_proj, R), mlp->activation);
    linear_backward(ops, &mlp->c_fc, scratch->d_norm, scratch->d_pre, state->norm.out, R);
    norm_backward(ops, &mlp->norm, &state->norm, d_x, scratch->d_norm, in, R, true);
}
