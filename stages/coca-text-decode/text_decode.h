// What the files of coca-text-decode share.
#pragma once

#include "model/generate/generate.h"
#include "model/towers/towers.h"
#include "text/tokenizer.h"
#include "train/follower.h"

struct text_decode {
    struct part part;
    struct tokenizer *tokenizer; // NULL when tokens come from a recording and no vocabulary is known
    struct edge *tokens, *features, *features_grad, *embeddings, *embeddings_grad, *captions, *control;
    struct generate_options generate;
    bool train;
};
extern struct text_decode text_decode;

// ---- passes.c: both halves over microbatches, under the follower

int passes_sets(int recompute, int64_t microbatch); // activation sets of the tower
// Adds those of tower and messages.
void passes_add_bytes(struct memory_bytes *bytes, int recompute, int64_t microbatch, int ahead);
void passes_open(void);                     // after the parameters are loaded
int passes_run(struct hub *hub, int ahead); // 0 or -exit_code
void passes_close(void);

// ---- captions.c: --generate

struct caption_options {
    bool embed, generate, sample;
    int64_t max_length, min_length, top_k, num_beams, num_beam_groups;
    double temperature, top_p, repetition_penalty, diversity_penalty;
    const char *prompt;
};
extern struct caption_options caption_options;

// What the options say of captions; the tokenizer is open. 0 or -exit_code.
int captions_options(struct generate_options *options);
// Asks for features until their end and writes captions. 0 or -exit_code.
int captions_run(void);
