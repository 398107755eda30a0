// The order in which folders are walked and classes numbered: of bytes, the same on every machine.
#include "dataset/import/sorted.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sorted(struct strings *list) {
    if (list->count) qsort(list->item, list->count, sizeof *list->item, by_text);
}

void sorted_distinct(struct strings *distinct, struct strings *list) {
    sorted(list);
    for (size_t i = 0; i < list->count; i++)
        if (!i || strcmp(list->item[i - 1], list->item[i])) strings_add_text(distinct, list->item[i]);
}
