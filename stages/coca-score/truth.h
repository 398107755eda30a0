// What the dataset knows of a picture.
#pragma once

#include "dataset/store.h"

struct truth {
    struct record record; // borrowed from the store
    char *name;           // its id, or its number
};
// A record that makes no sense is empty. 0, then truth_release, or -EXIT_DATA when there is no such record.
int truth_find(struct truth *truth, struct store *store, int64_t id);
void truth_release(struct truth *truth);

// All captions, or without any the labels; borrowed.
const struct span *truth_texts(const struct truth *truth, int *count);
