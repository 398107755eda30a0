// Lists that say what stands for a name: a synset's words, a folder's label, a category's number.
#pragma once

#include "base/memory.h"

struct name_map {
    struct strings key, value; // in the file's order
};
// A JSON object of texts or numbers, else lines: key and value apart at the first tab, or the first blank, or the last
// comma. 0 or -EXIT_DATA, reported.
int name_map_read(struct name_map *map, const char *path);
void name_map_release(struct name_map *map);
const char *name_map_find(const struct name_map *map, const char *key); // NULL: it is not there

// Names alone: the keys of a JSON object, the texts of a JSON array, or whole lines. 0 or -EXIT_DATA, reported.
int name_list_read(struct strings *names, const char *path);
