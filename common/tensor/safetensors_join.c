// Stages write what they own side by side; a run's dump and its exported model are one file each. Files are mapped, so
// only tensors that are put together of several pieces are copied.
#include "tensor/safetensors_join.h"

#include <stdlib.h>
#include <string.h>

#include "base/count.h"

struct joined {
    struct tensor *tensor;
    void **copy; // [count]: memory of a tensor of several pieces, else NULL
    size_t count;
};

static size_t place_of(const struct joined *joined, const char *name) {
    size_t i = 0;
    while (i < joined->count && strcmp(joined->tensor[i].name, name)) i++;
    return i;
}

static bool rows_agree(const struct tensor *a, const struct tensor *b) {
    if (a->dtype != b->dtype || a->shape.rank != b->shape.rank || a->shape.rank < 1) return false;
    for (int i = 1; i < a->shape.rank; i++)
        if (a->shape.dim[i] != b->shape.dim[i]) return false;
    return true;
}

// Puts the rows of `more` behind those of tensor i.
static int add_rows(struct joined *joined, size_t i, const struct tensor *more, const char *path) {
    struct tensor *whole = &joined->tensor[i];
    if (!rows_agree(whole, more))
        return error(EXIT_DATA, "%s: %s has another type or row than in the file before it", path, more->name);
    const size_t before = (size_t)tensor_bytes(whole), added = (size_t)tensor_bytes(more);
    struct shape shape = whole->shape;
    if (!count_add(shape.dim[0], more->shape.dim[0], &shape.dim[0]) || shape_bytes(shape, whole->dtype) < 0)
        return error(EXIT_DATA, "%s: %s has more rows together with the file before it than can be counted", path,
                     more->name);
    char *bytes = xaligned(before + added);
    memcpy(bytes, whole->data, before);
    memcpy(bytes + before, more->data, added);
    free(joined->copy[i]);
    whole->data = joined->copy[i] = bytes;
    whole->shape = shape;
    return 0;
}

static void add(struct joined *joined, const struct tensor *tensor) {
    joined->tensor = xrealloc_array(joined->tensor, joined->count + 1, sizeof *joined->tensor);
    joined->copy = xrealloc_array(joined->copy, joined->count + 1, sizeof *joined->copy);
    joined->tensor[joined->count] = *tensor;
    joined->copy[joined->count++] = NULL;
}

static int add_file(struct joined *joined, const struct safetensors *file, const char *path) {
    int status = 0;
    for (size_t k = 0; k < file->count && !status; k++) {
        size_t i = place_of(joined, file->tensor[k].name);
        if (i < joined->count)
            status = add_rows(joined, i, &file->tensor[k], path);
        else
            add(joined, &file->tensor[k]);
    }
    return status;
}

static void release(struct joined *joined) {
    for (size_t i = 0; i < joined->count; i++) free(joined->copy[i]);
    free(joined->copy);
    free(joined->tensor);
}

// Whose copies are whose is of no interest any more.
static void arrange(struct joined *joined, const struct strings *order) {
    size_t at = 0;
    for (size_t k = 0; k < order->count; k++) {
        const size_t i = place_of(joined, order->item[k]);
        if (i == joined->count) continue;
        const struct tensor tensor = joined->tensor[i];
        joined->tensor[i] = joined->tensor[at];
        joined->tensor[at++] = tensor;
    }
}

int safetensors_join(const char *path, const struct strings *from, const struct strings *order,
                     const char *const *metadata, size_t metadata_count) {
    struct safetensors *file = xcalloc(from->count ? from->count : 1, sizeof *file);
    struct joined joined = {.count = 0};
    size_t opened = 0;
    int status = 0;
    for (; opened < from->count && !status; opened++) {
        status = safetensors_open(&file[opened], from->item[opened]);
        if (!status) status = add_file(&joined, &file[opened], from->item[opened]);
    }
    if (order) arrange(&joined, order);
    if (!status) status = safetensors_write(path, joined.tensor, joined.count, metadata, metadata_count, NULL, NULL);
    release(&joined);
    for (size_t i = 0; i < opened; i++) safetensors_close(&file[i]);
    free(file);
    return status;
}
