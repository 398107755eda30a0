// Floating point operations of a microbatch, a multiplication and an addition being two: what products of matrices and
// attention take, from the configuration alone. Norms, activations and sums beside them are left out.
//
// A product of [R,I] and [I,O] is 2·R·I·O forward; backward it is two such products, the gradients of rows and of
// weights. Derivations stand in flops.c.
#pragma once

#include "model/contrastive.h"
#include "model/params/config.h"

struct flops {
    double forward, backward;
};
struct flops flops_add(struct flops a, struct flops b);

// What a run asks of the towers.
struct flops_use {
    bool captions, contrasts;
};
// The image tower, of B pictures.
struct flops image_flops(const struct model_config *config, struct flops_use use, int64_t B);
// The two halves of the text tower, of B captions of `length` tokens each, BOS and EOS included: a mean.
struct flops unimodal_flops(const struct model_config *config, struct flops_use use, int64_t B, double length);
struct flops multimodal_flops(const struct model_config *config, struct flops_use use, int64_t B, double length);
// The contrastive loss of G pairs with its gradients, on the one rank that computes it.
double contrastive_flops(enum contrastive_kind kind, int64_t G, int64_t E);
