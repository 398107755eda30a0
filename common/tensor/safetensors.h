// The safetensors file format (8-byte little-endian header length, JSON header, data).
#pragma once

#include "base/file.h"
#include "tensor/tensor.h"

// A mapped file: tensors point into the map and live until safetensors_close. Header length (<= 100 MB), offsets,
// overlaps, holes, names, dtypes and shapes are checked; a cut or lying file is -EXIT_DATA, reported. The format does
// not align tensors: one that lies askew is copied, so that `data` may always be read as its type. Data is read-only.
struct safetensors {
    struct file_map map;
    struct tensor *tensor; // in the order of their data
    size_t count;
    char *metadata; // the "__metadata__" object as JSON text, or NULL
    void *copies;   // of the tensors that lie askew, or NULL
};
int safetensors_open(struct safetensors *file, const char *path);
void safetensors_close(struct safetensors *file);
// Parses bytes already in memory, which must outlive `file`; what safetensors_open uses and the fuzz target drives.
// `what` names it in errors. Zero-initialise `file`; it holds nothing after a failure, else safetensors_close.
int safetensors_parse(struct safetensors *file, const void *bytes, size_t size, const char *what);
const struct tensor *safetensors_find(const struct safetensors *file, const char *name); // NULL when absent

// Writes the tensors in this order, aside and fsynced. Names are UTF-8, each there once. `metadata` is "key=value"
// pairs, count of them. Returns the file's XXH64 checksum and size where the pointers are not NULL. 0 or -EXIT_RUN,
// reported.
int safetensors_write(const char *path, const struct tensor *tensor, size_t count, const char *const *metadata,
                      size_t metadata_count, uint64_t *checksum, int64_t *size);

// The same file, written by several processes: one lays it out, aside; each then fills in the data that it has, of the
// same list; when all have, the first finishes or gives up (aside_abandon). `data` is not looked at where a file is laid
// out, and is NULL for what others fill in. 0 or -EXIT_RUN, reported.
int safetensors_lay_out(struct aside *aside, const char *path, const struct tensor *tensor, size_t count);
int safetensors_fill(const char *path, const struct tensor *tensor, size_t count);
int safetensors_finish(struct aside *aside, const char *path, uint64_t *checksum, int64_t *size);
