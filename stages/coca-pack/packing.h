// Samples of any format on their way into a dataset: what the commands that make datasets share.
#pragma once

#include "dataset/import.h"
#include "fitness.h"
#include "stage/option.h"

// Options that all of them have.
struct packing_options {
    char *to, *class_names, *exclude;
    char *image_key, *caption_key, *text_key, *label_key, *class_key, *json_text_key;
    int caption_lines;
    int64_t limit, shard_records, max_picture_bytes, max_pixels, workers;
    bool replace, verify;
};
struct option_table packing_option_table(struct packing_options *options);

struct packing_order {
    const struct packing_options *options;
    const struct import_format *format;
    struct import_options import; // what is not in `options`
    struct fitness fitness;       // the same
    int64_t hold_out;             // every so-manieth sample goes to held_out_to; 0: none
    const char *held_out_to;
    int64_t min_answers;
};
// 0 or -exit_code, reported; nothing remains of a failure. SIGINT and SIGTERM end it so.
int packing_run(const struct packing_order *order, const struct strings *paths);
