// How captions are made: options of coca-text-decode --generate, and of whoever reports on its captions.
#pragma once

#include "stage/option.h"

struct decoding_options {
    bool sample;
    int64_t max_length, min_length, top_k, num_beams, num_beam_groups, num_captions;
    double temperature, top_p, repetition_penalty, diversity_penalty;
    char *prompt, *stop_at;
};
// Kept by options_to_json, since captions can only be compared with others that were made alike.
struct option_table decoding_options_table(struct decoding_options *options);
