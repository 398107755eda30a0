// `pack` and `index` ask for every sample; the list is sorted once, so an answer costs a few comparisons.
#include "exclude.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/lines.h"

#define LIST_LIMIT ((size_t)16 << 30)

struct name {
    struct span text; // of `bytes`
    bool found;
};

struct exclude {
    char *path;
    struct buffer bytes;
    struct name *name; // sorted, each once
    size_t count;
    int64_t left_out;
};

static int compare(const void *a, const void *b) {
    const struct span *x = &((const struct name *)a)->text, *y = &((const struct name *)b)->text;
    const int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static void sort(struct exclude *exclude) {
    size_t kept = 0;
    qsort(exclude->name, exclude->count, sizeof *exclude->name, compare);
    for (size_t i = 0; i < exclude->count; i++)
        if (!kept || compare(&exclude->name[kept - 1], &exclude->name[i])) exclude->name[kept++] = exclude->name[i];
    exclude->count = kept;
}

static void add(struct exclude *exclude, const char *line, size_t size) {
    const char *tab = memchr(line, '\t', size);
    const size_t length = tab ? (size_t)(tab - line) : size;
    if (!length) return;
    exclude->name = xrealloc_array(exclude->name, exclude->count + 1, sizeof *exclude->name);
    exclude->name[exclude->count++] = (struct name){{line, length}, false};
}

int exclude_read(struct exclude **exclude, const char *path) {
    struct exclude *new = *exclude = xcalloc(1, sizeof *new);
    struct lines lines;
    const char *line;
    size_t size;
    new->path = xstrdup(path);
    int status = file_read(path, LIST_LIMIT, &new->bytes);
    if (status) return status;
    lines_begin(&lines, new->bytes.bytes, new->bytes.size);
    while (lines_next(&lines, &line, &size)) add(new, line, size);
    sort(new);
    return 0;
}

static bool has(struct exclude *exclude, struct span text) {
    const struct name key = {text, false};
    if (!exclude->count || !text.size) return false;
    struct name *name = bsearch(&key, exclude->name, exclude->count, sizeof key, compare);
    if (name) name->found = true;
    return name;
}

bool exclude_has(struct exclude *exclude, struct span id, int64_t number) {
    if (!exclude) return false;
    char *numbered = xformat("#%lld", (long long)number);
    const bool by_id = has(exclude, id), by_number = has(exclude, (struct span){numbered, strlen(numbered)});
    free(numbered);
    exclude->left_out += by_id || by_number;
    return by_id || by_number;
}

void exclude_report(const struct exclude *exclude) {
    int64_t missing = 0;
    if (!exclude) return;
    for (size_t i = 0; i < exclude->count; i++) missing += !exclude->name[i].found;
    note("--exclude %s: %lld samples are left out", exclude->path, (long long)exclude->left_out);
    if (missing)
        warn("--exclude %s: no sample has %lld of its %zu names; were they found in these data?", exclude->path,
             (long long)missing, exclude->count);
}

void exclude_free(struct exclude **exclude) {
    struct exclude *old = *exclude;
    if (!old) return;
    buffer_release(&old->bytes);
    free(old->name);
    free(old->path);
    free(old);
    *exclude = NULL;
}
