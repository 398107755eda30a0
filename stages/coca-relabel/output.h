// A relabelled shard: what came, with the captions of each sample in its JSON object and its embeddings beside it.
//
//   tar         JSON member: KEY: [captions], clipscore: [one a caption]; KEY.image.npy f32 [E], KEY.text.npy f32 [N,E]
//   JSON lines  the same fields, and image_embedding [E], text_embeddings [N][E]
//
// A sample without a JSON object gets one. Captions that are left out for their score are missing everywhere.
#pragma once

#include "results.h"
#include "source.h"

#define OUTPUT_SCORES "clipscore"

struct output_options {
    const char *key; // of captions
    struct results_form form;
    bool filters;
    double least_score; // of captions that stay
};

struct output_counts {
    int captions, filtered;
};

struct output;
int output_open(struct output **output, const struct shard *shard, const char *path,
                const struct output_options *options); // 0 or -EXIT_RUN
// Writes a sample with its result, or as it came (`result` NULL). What keeps its JSON from being edited comes back in
// `*defect`, which the caller frees: then it was written as it came. 0 or -exit_code.
int output_add(struct output *output, struct source *source, const struct sample *sample, const struct result *result,
               struct output_counts *counts, char **defect);
int output_close(struct output **output); // waits for the disk. Frees it whatever it returns: 0 or -EXIT_RUN
void output_abandon(struct output **output);
