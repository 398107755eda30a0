// What is done to the logits of a caption before a token is chosen.
#pragma once

#include "model/params/config.h"

struct generate_options {
    int max_length;            // tokens, BOS and EOS counted; 0 means T
    int min_length;            // EOS not before so many tokens, BOS counted (open_clip's min_seq_len)
    double temperature;        // 1 is neutral
    int top_k;                 // 0: all
    double top_p;              // 1: all
    double repetition_penalty; // 1: none
    bool sample;               // false: the likeliest
    uint64_t seed;             // a draw is a function of (seed, picture's number, caption, position)
    int captions;              // of each picture, N; 0 means 1
    int num_beams;             // up to 1: no beam search
    int num_beam_groups;       // divides num_beams; 0 means 1
    double diversity_penalty;  // subtracted for each earlier group that chose a token in the same step
    // Whether a caption ends with its newest token though that is not EOS, which then stands behind it where it fits;
    // NULL: none does. Beam search does not ask.
    bool (*stops)(void *context, const int32_t *token, int length);
    void *stops_context;
    const int32_t *prompt; // tokens that every caption begins with, BOS first; NULL: BOS alone
    int prompt_length;
};

static inline int generate_captions_each(const struct generate_options *options) {
    return options->captions > 1 ? options->captions : 1;
}

struct score_rules {
    const struct text_config *config;
    const struct generate_options *options;
    // In open_clip's family any token may be chosen, padding ends a caption that is sampled as EOS does, and such a
    // caption that fills max_length ends with EOS. In the paper's BOS and padding are never chosen.
    enum model_family family;
};

// logits f32 [V] → score f32 [V], for the token behind token[0 … length).
void scores_of(const struct score_rules *rules, float *score, const float *logits, const int32_t *token, int length);

// Whether the token may stand behind `length` tokens; only padding, BOS and EOS may not.
bool score_allows(const struct score_rules *rules, int32_t token, int length);

// The tokens that every caption begins with.
const int32_t *score_prompt(const struct score_rules *rules, int *length);
