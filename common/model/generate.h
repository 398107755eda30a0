// Captions from features, one token at a time with a key/value cache; keys and values of the cross-attention are made
// once per picture, logits of the last position only.
#pragma once

#include "model/params.h"

struct generate_options {
    int max_length, min_length; // tokens, BOS and EOS counted; max_length 0 means T
    double temperature;         // 1 is neutral
    int top_k;                  // 0: all
    double top_p;               // 1: all
    double repetition_penalty;  // 1: none
    bool sample;                // false: greedy
    uint64_t seed;              // a draw is a function of (seed, picture id, position)
};

struct generator;
struct generator *generator_new(const struct model_config *config, struct params *text, int batch);
void generator_free(struct generator **generator);
int64_t generator_bytes(const struct model_config *config, enum dtype dtype, int batch);

// features of the compute type [B,N,D] (host), ids i64 [B] → tokens i32 [B,T]: BOS … EOS PAD…; a caption that reaches
// max_length ends without EOS. BOS and padding are never chosen; equal logits give the lowest token.
void generator_run(struct generator *generator, int B, const void *features, const int64_t *ids,
                   const struct generate_options *options, int32_t *tokens);
