// How the image tower ends: from the ViT's tokens to the features and the row that is projected to the embedding.
//
//   POOL_CASCADE   x = ln_post(tokens), features = attn_pool(x), pooled = attn_pool_contrastive(features)
//   POOL_PARALLEL  the same, pooled = attn_pool_contrastive(x)
//   POOL_SINGLE    y = ln_post(attn_pool(tokens)): its first row is pooled, the others are the features
//   POOL_NONE      y = ln_post(tokens): ditto, which are the class token and the patches
//
// The paper has the cascade; all four are open_clip's, LAION's weights have the single one. Behind it projection.h
// makes the embedding, with a matrix or, where the poolers are as wide as it (vision_config.proj), without.
#pragma once

#include "model/layers/pooler.h"
#include "model/layers/split.h"

struct image_pool_dims {
    enum pool_kind kind;
    bool norm_first;   // ln_post stands before the poolers
    int64_t tokens, W; // of a picture, and their width
    int64_t rows;      // of a picture behind attn_pool: its queries, or the tokens
    int64_t F, D;      // feature rows of a picture, and their width
    struct pooler_dims generative, contrastive;
};

// The rows behind attn_pool, of every picture: all, or the first ones where an embedding alone is wanted.
struct image_pool_rows {
    struct spans queries, results;
    struct split split;
};

struct image_pool {
    struct image_pool_dims dims;
    struct norm ln_post;
    struct pooler generative, contrastive; // attn_pool, attn_pool_contrastive
    struct image_pool_rows all, first;
    struct spans query, pooled; // of attn_pool_contrastive
};

struct image_pool_state {
    struct norm_state ln_post;
    struct pooler_state generative, contrastive;
    void *features, *pooled; // [B·F,D], [B,D]
};

struct image_pool_scratch {
    void *d_features, *d_pooled; // [B·F,D], [B,D]: where the caller puts the gradients
    void *d_rows;                // [B·rows,D]
    void *d_pool;                // [B·rows,D], before ln_post
    void *d_x;                   // [B·tokens,W], behind ln_post
    struct pooler_scratch generative, contrastive;
};

struct image_pool_dims image_pool_dims_of(const struct model_config *config);
void image_pool_find(struct image_pool *pool, const struct params *params, const struct model_config *config);
void image_pool_plan_lists(struct image_pool *pool, int B, const struct image_pool_dims *dims, struct planner *planner);
void image_pool_fill_lists(struct ops *ops, const struct image_pool *pool, int B);
void image_pool_plan(struct image_pool_state *state, int B, const struct image_pool_dims *dims,
                     struct planner *planner);
void image_pool_plan_scratch(struct image_pool_scratch *scratch, int B, const struct image_pool_dims *dims,
                             struct planner *planner);

// tokens[B·N,W], one span a picture → state->features and state->pooled, of which those that are wanted for certain.
// What is pooled has the same bits with features and without.
void image_pool_apply(struct ops *ops, const struct image_pool *pool, struct image_pool_state *state,
                      const void *tokens, struct spans spans, int B, bool want_features, bool want_pooled);
// scratch->d_features and, if used, d_pooled → d_tokens[B·N,W].
void image_pool_backward(struct ops *ops, const struct image_pool *pool, const struct image_pool_state *state,
                         struct image_pool_scratch *scratch, void *d_tokens, const void *tokens, struct spans spans,
                         int B, bool use_pooled);
