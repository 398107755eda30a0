// Objects of a JSON array by their id: captions of a video, the annotation of a question.
#pragma once

#include <jansson.h>
#include <stddef.h>

struct index_entry {
    char *id; // text, or a number's digits
    size_t place;
    const json_t *object;
};

// Entries of one id are neighbours, in the array's order. Objects without an id are not in it.
struct index {
    struct index_entry *entry;
    size_t count;
};
void index_make(struct index *index, const json_t *array, const char *key); // borrows from `array`
void index_release(struct index *index);
// How many objects have the id, the first of them at index->entry[*first].
size_t index_find(const struct index *index, const char *id, size_t *first);
