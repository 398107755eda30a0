// What METEOR knows of English, in a file that is mapped: function words, abbreviations, synonyms, paraphrases.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "measure/meteor_layout.h"

// Zero-initialise; release with meteor_data_close. After opening, threads may ask at once.
struct meteor_data {
    const char *path; // borrowed
    struct file_map map;
    const struct meteor_header *header;
    atomic_bool damaged; // the file said what cannot be, and was not followed
};
// Maps the file and checks its header against its size; what it holds is checked when it is used. 0 or -EXIT_DATA.
int meteor_data_open(struct meteor_data *data, const char *path);
// After use: -EXIT_DATA, reported, when something that was used cannot be.
int meteor_data_check(const struct meteor_data *data);
void meteor_data_close(struct meteor_data *data);

#define METEOR_NONE UINT32_MAX
uint32_t meteor_data_word(struct meteor_data *data, const char *text, size_t size); // its number, or METEOR_NONE
bool meteor_data_marked(const struct meteor_data *data, uint32_t word, enum meteor_mark mark);

// Borrowed from the map.
struct meteor_list {
    const uint32_t *item;
    size_t count;
};
struct meteor_list meteor_data_list(struct meteor_data *data, enum meteor_list_name name, uint32_t owner);

// The phrases that begin with the words taken so far. METEOR_NONE as a word leaves none.
struct meteor_walk {
    uint32_t begin, end, words;
};
struct meteor_walk meteor_walk_begin(struct meteor_data *data, uint32_t word);
void meteor_walk_on(struct meteor_walk *walk, struct meteor_data *data, uint32_t word);
// The phrase of just these words, or METEOR_NONE.
uint32_t meteor_walk_phrase(const struct meteor_walk *walk, struct meteor_data *data);
