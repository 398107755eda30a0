// Weights come out of trainings that wrapped the model, more than once and in any order, and the wrappers' words stand
// in the names that they were saved under. No tensor of ours has such a word between its dots, so all of them are taken
// out wherever they stand. pretrained.c does so with every file before names are looked for.
#include "model/params/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const wrappers[] = {"module.", "_orig_mod."};

// Bytes of the wrapper's word that `name` begins with, or 0.
static size_t wrapper_length(const char *name) {
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (text_begins(name, wrappers[i])) return strlen(wrappers[i]);
    return 0;
}

// Whether there was any. A word begins the name or follows a dot.
static bool unwrap(char *name) {
    char *from = name, *to = name;
    while (*from) {
        size_t wrapper = wrapper_length(from), kept = wrapper ? 0 : strcspn(from, ".");
        kept += !wrapper && from[kept]; // the dot
        memmove(to, from, kept);
        from += wrapper + kept;
        to += kept;
    }
    *to = '\0';
    return from != to;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const struct safetensors *file, const char *path) {
    const char **name = xcalloc(file->count + 1, sizeof *name);
    int status = 0;
    for (size_t i = 0; i < file->count; i++) name[i] = file->tensor[i].name;
    qsort(name, file->count, sizeof *name, by_name);
    for (size_t i = 0; i + 1 < file->count && !status; i++)
        if (!strcmp(name[i], name[i + 1]))
            status = error(EXIT_DATA, "%s: two tensors are %s without module. and _orig_mod.; keep one of them", path,
                           name[i]);
    free(name);
    return status;
}

int names_unwrap(struct safetensors *file, const char *path) {
    char first[TENSOR_NAME] = "";
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        char before[TENSOR_NAME];
        memcpy(before, file->tensor[i].name, sizeof before);
        if (unwrap(file->tensor[i].name) && !count++) memcpy(first, before, sizeof first);
    }
    if (!count) return 0;
    note("%s: module. and _orig_mod. are taken off the names of %zu of %zu tensors, such as %s", path, count,
         file->count, first);
    return check_names(file, path);
}
