// What is known of the pictures of a dataset without keeping them.
#pragma once

#include "dataset/store.h"

// The picture that stands for a record: its `image`, or the first of its `images`.
struct span record_picture(const struct record *record);

struct print {
    uint64_t pixels;       // XXH64 of the upright RGB pixels
    int32_t width, height; // 0: not compared, there is none or it does not decode
    uint64_t look;         // perceptual hash
    bool has_look;
};

// Datasets one behind the other: number n is record n of the first, and so on.
struct datasets {
    struct store **store;
    int64_t *first; // [count + 1]
    int count;
};
// "DIR::DIR". 0 or -EXIT_DATA; datasets_close in any case.
int datasets_open(struct datasets *datasets, const char *directories);
void datasets_close(struct datasets *datasets);
int64_t datasets_records(const struct datasets *datasets);
struct store *datasets_at(const struct datasets *datasets, int64_t number, int64_t *index); // which record of which

// Decodes all of them, in so many threads (0: all cores). Names on stderr what does not decode, and counts it and what
// has no picture. print [records], which the caller frees; 0 or -exit_code, then NULL.
int prints_make(struct print **print, const struct datasets *datasets, int threads);
