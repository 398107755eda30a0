// The tensors of pre-LayerNorm transformers and of poolers, which the parts consist of. Private to the parts' layouts.
#pragma once

#include "model/params/params.h"

// The deviations of torch.nn's own initial distributions, and open_clip's.
double uniform_deviation(int64_t fan_in); // of U(−1/√n, 1/√n)
double xavier_deviation(int64_t fan_in, int64_t fan_out);
double inverse_root(int64_t width);

// Of the weights of one transformer.
struct deviations {
    double in_proj, out_proj, c_fc, c_proj;
};
struct deviations torch_deviations(int64_t D, int64_t hidden);
struct deviations text_deviations(int64_t D, int layers);

// torch.nn.MultiheadAttention with keys and values of width K, PREFIX.attn.
void add_attention(struct params *params, const char *prefix, int64_t D, int64_t K, double in, double out);
// open_clip's AttentionalPooler: so many queries of width D over rows of width K.
void add_pooler(struct params *params, const char *prefix, int64_t queries, int64_t D, int64_t K);
void add_self_attention(struct params *params, const char *prefix, int64_t D, const struct deviations *deviations);
void add_mlp(struct params *params, const char *prefix, int64_t D, int64_t hidden, const struct deviations *deviations);
// PREFIX.resblocks.0 …; block i is of group and layer i + 1.
void add_transformer(struct params *params, const char *prefix, int layers, int64_t D, int64_t hidden,
                     struct deviations deviations);
