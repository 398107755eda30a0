// What the importers share: their options, taken apart, and the way to the sink.
#pragma once

#include "dataset/import.h"

struct rows;
struct importer {
    const struct import_format *format;
    const struct import_options *options;
    struct strings image_keys, caption_keys, label_keys, class_keys;
    import_sink *sink;
    void *context;
    const char *path;       // being read
    size_t turn;            // its place among the paths
    struct object *object;  // which `path` is, of whose samples the origin is kept; NULL: it is not
    bool by_names;          // videos are what has a video's suffix: nobody looks into the files that are given
    struct strings classes; // their names, when the format knows them
    struct rows *rows;      // of lists, until these end; NULL: none was kept
    struct {
        int64_t samples, matched;
        struct strings keys; // distinct ones, as the data has them
        char *defect;        // of the first sample that had one
    } seen;
};

// Notes a key that the data has, for the report when nothing matches.
void importer_saw(struct importer *importer, const char *key, size_t length);

// The names of the format's classes, in their order, of which the labels are made unless the user named others. 0 or
// -EXIT_DATA: an earlier path had others.
int importer_classes(struct importer *importer, const struct strings *names);
// The names that count; NULL: there are none.
const struct strings *importer_class_names(const struct importer *importer);

// Gives a sample to the sink, with the name of its class among its labels. 0, what the sink returned, or -EXIT_DATA
// when this is the 100th and none matched.
int importer_give(struct importer *importer, const struct import_sample *sample);

// -EXIT_DATA, reported: what was looked for, and what was seen instead.
int importer_nothing(const struct importer *importer);

// Bytes of the largest picture that is taken.
size_t importer_picture_limit(const struct importer *importer);

// The place of `key` in a key list, −1 if it is not there.
int importer_key(const struct strings *keys, const char *key, size_t length);
