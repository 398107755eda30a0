// Reading pictures with texts from the formats people have, one file in import/ for each.
#pragma once

#include <stdbool.h>

#include "dataset/record.h"

// What an importer is told; each uses its own fields.
struct import_options {
    const char *path; // folder, file, brace range of tars, "-"
    const char *image_key,
        *caption_key; // CSV, TSV, JSON lines: column names (filepath, title); tar: suffix lists "jpg;png;webp", "txt"
    const char *label_names;   // idx: file of class names in index order
    const char *labels_path;   // idx: the labels file
    const char *separator;     // CSV: one character, NULL guesses by the suffix (.csv ",", .tsv tab)
    const char *images_root;   // folder that relative picture paths are under; NULL: the list's own
    const char *json_text_key; // tar: field of the .json member that holds the caption, NULL: the .txt
};

// One picture with its texts, given to the sink. Everything is borrowed for the call.
// `name` tells the sample in reports ("00000.tar: 000000012"). Returns 0 to go on, else what import_run returns.
typedef int import_sink(void *context, const struct record *record, const char *name);

struct import_format {
    const char *name;    // of the option: --from folder|idx|csv|jsonl|tar|coco
    const char *summary; // for --help
    int (*run)(const struct import_options *options, import_sink *sink, void *context);
};
extern const struct import_format *const import_formats[]; // NULL-terminated

const struct import_format *import_find(const char *name); // NULL if unknown
