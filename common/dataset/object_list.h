// objects.json: the objects that the pictures of a dataset lie in (data/README.md).
#pragma once

#include <jansson.h>

#include "dataset/import.h"
#include "remote/object.h"

#define OBJECT_LIST_FILE "objects.json"

struct object_list {
    struct object *object;
    int64_t *first; // [count + 1] of each the number of the first record that lies in it; behind them all records
    int count;
    struct import_options keys; // what the members of samples that nobody has read are called
    struct strings class_names; // of `keys`
    json_t *document;           // which holds the texts of `keys`
};

// 0 or -EXIT_DATA, reported: no such file, or not the list of a dataset of so many records. Names of files become
// paths.
int object_list_read(struct object_list *list, const char *directory, int64_t records);
void object_list_release(struct object_list *list);

struct listed_object {
    const struct object *object;
    int64_t first;
    bool has_unread; // samples that nobody has read lie in it
};
// Writes the list for the dataset `directory` into the folder `aside`; NULL `keys`: all samples were read. Files in the
// folder that the dataset stands in, or below, are named from the dataset, so that both can be moved, others by their
// whole paths. 0 or -exit_code, reported.
int object_list_write(const struct listed_object *listed, int count, const struct import_options *keys,
                      const char *directory, const char *aside);
