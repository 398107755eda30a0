// Sorted once, then found by halves: as many look-ups come as there are objects.
#include "dataset/import/index.h"

#include <stdlib.h>
#include <string.h>

#include "dataset/import/fields.h"

// qsort is not stable, so the place decides among equals.
static int by_id(const void *a, const void *b) {
    const struct index_entry *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    return order ? order : x->place < y->place ? -1 : x->place > y->place;
}

void index_make(struct index *index, const json_t *array, const char *key) {
    *index = (struct index){xcalloc(json_array_size(array) + 1, sizeof *index->entry), 0};
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        char *id = fields_id(json_object_get(object, key));
        if (id) index->entry[index->count++] = (struct index_entry){id, i, object};
    }
    qsort(index->entry, index->count, sizeof *index->entry, by_id);
}

void index_release(struct index *index) {
    for (size_t i = 0; i < index->count; i++) free(index->entry[i].id);
    free(index->entry);
    *index = (struct index){0};
}

size_t index_find(const struct index *index, const char *id, size_t *first) {
    size_t low = 0, high = index->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(index->entry[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low < index->count && !strcmp(index->entry[low].id, id)) low++;
    return low - *first;
}
