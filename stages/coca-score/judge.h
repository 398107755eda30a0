// Judges captions as they come, cut by COCO's tokenizer, by those that the dataset has of their pictures.
#pragma once

#include "measure/caption_set.h"
#include "meteor_file.h"
#include "run/decoding_options.h"
#include "run/results.h"
#include "truth.h"

// Zero-initialise; release with judge_release.
struct judge {
    struct caption_set set;
    struct buffer tokens;
    struct meteor_file meteor;
    int64_t without; // pictures that have no captions, and are not judged
};
void judge_add(struct judge *judge, const struct truth *truth, const char *caption);
// Prints and merges the result, with the decoding options as its settings. 0, -EXIT_DATA or -EXIT_RUN.
int judge_say(struct judge *judge, const struct run *run, struct results_options *results,
              const struct option_table *decoding);
void judge_release(struct judge *judge);
