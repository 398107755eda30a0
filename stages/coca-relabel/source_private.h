// How the kinds of sources are told apart. Private.
#pragma once

#include "source.h"

struct source {
    const struct source_kind *kind;
    const struct shard *shard;
    const struct plain *plain;
    enum source_pass pass;
    struct sample sample;
    void *own;
};

struct source_kind {
    int (*open)(struct source *source);
    int (*next)(struct source *source, struct sample *sample);
    void (*close)(struct source *source);
};
extern const struct source_kind source_of_tar, source_of_lines, source_of_folder;

void sample_clear(struct sample *sample);
void sample_defect(struct sample *sample, const char *format, ...) PRINTF_LIKE(2, 3); // the first one counts

// How far in front a suffix stands among those of pictures; −1: it is none. Letters of either case.
int source_picture_rank(const char *suffix);
// "a/0001.seg.png" is key "a/0001", *suffix "seg.png". False of what belongs to no sample: hidden files, webdataset's
// own ("__index__/"), folders.
bool source_split(const char *name, size_t *key_length, const char **suffix);
