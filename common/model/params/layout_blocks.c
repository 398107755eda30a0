// Adds the tensors of attention, poolers, MLP and whole transformers to a part's table, with the initial deviations of
// PyTorch's modules and of open_clip's towers. The parts' layouts (part_image.c, part_text.c, part_head.c) call it.
#include "model/params/layout_blocks.h"

#include <math.h>

double uniform_deviation(int64_t fan_in) {
    return 1 / sqrt(3.0 * (double)fan_in);
}

double xavier_deviation(int64_t fan_in, int64_t fan_out) {
    return sqrt(2.0 / (double)(fan_in + fan_out));
}

double inverse_root(int64_t width) {
    return 1 / sqrt((double)width);
}

struct deviations torch_deviations(int64_t D, int64_t hidden) {
    return (struct deviations){xavier_deviation(D, 3 * D), uniform_deviation(D), uniform_deviation(D),
                               uniform_deviation(hidden)};
}

struct deviations text_deviations(int64_t D, int layers) {
    double proj = inverse_root(D) * inverse_root(2 * layers);
    return (struct deviations){inverse_root(D), proj, inverse_root(2 * D), proj};
}

void add_attention(struct params *params, const char *prefix, int64_t D, int64_t K, double in, double out) {
    if (K == D) {
        params_layout_add_linear(params, SHAPE(3 * D, D), in, "%s.attn.in_proj_weight", prefix);
    } else {
        double deviation = xavier_deviation(K, D);
        params_layout_add_linear(params, SHAPE(D, D), xavier_deviation(D, D), "%s.attn.q_proj_weight", prefix);
        params_layout_add_linear(params, SHAPE(D, K), deviation, "%s.attn.k_proj_weight", prefix);
        params_layout_add_adjacent(params, SHAPE(D, K), deviation, "%s.attn.v_proj_weight", prefix);
    }
    params_layout_add(params, SHAPE(3 * D), 0, 0, "%s.attn.in_proj_bias", prefix);
    params_layout_add_linear(params, SHAPE(D, D), out, "%s.attn.out_proj.weight", prefix);
    params_layout_add(params, SHAPE(D), 0, 0, "%s.attn.out_proj.bias", prefix);
}

void add_pooler(struct params *params, const char *prefix, int64_t queries, int64_t D, int64_t K) {
    params_layout_add_table(params, SHAPE(queries, D), 1, POSITIONS_NONE, "%s.query", prefix);
    params_layout_add_norm(params, D, "%s.ln_q", prefix);
    params_layout_add_norm(params, K, "%s.ln_k", prefix);
    add_attention(params, prefix, D, K, xavier_deviation(D, 3 * D), uniform_deviation(D));
}

void add_self_attention(struct params *params, const char *prefix, int64_t D, const struct deviations *deviations) {
    params_layout_add_norm(params, D, "%s.ln_1", prefix);
    add_attention(params, prefix, D, D, deviations->in_proj, deviations->out_proj);
}

void add_mlp(struct params *params, const char *prefix, int64_t D, int64_t hidden,
             const struct deviations *deviations) {
    params_layout_add_norm(params, D, "%s.ln_2", prefix);
    params_layout_add_linear(params, SHAPE(hidden, D), deviations->c_fc, "%s.mlp.c_fc.weight", prefix);
    params_layout_add(params, SHAPE(hidden), 0, uniform_deviation(D), "%s.mlp.c_fc.bias", prefix);
    params_layout_add_linear(params, SHAPE(D, hidden), deviations->c_proj, "%s.mlp.c_proj.weight", prefix);
    params_layout_add(params, SHAPE(D), 0, uniform_deviation(hidden), "%s.mlp.c_proj.bias", prefix);
}

void add_transformer(struct params *params, const char *prefix, int layers, int64_t D, int64_t hidden,
                     struct deviations deviations) {
    for (int i = 0; i < layers; i++) {
        char block[TENSOR_NAME];
        param_name(block, "%s.resblocks.%d", prefix, i);
        params_layout_place(params, i + 1, i + 1);
        add_self_attention(params, block, D, &deviations);
        add_mlp(params, block, D, hidden, &deviations);
    }
}
