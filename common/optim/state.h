// Named tensors in backend memory, and their way to a safetensors file and back: optimizer state and averages.
#pragma once

#include "ops/ops.h"
#include "tensor/tensor.h"

// `tensor[i].data` is memory of the backend, NULL for what another rank of the stage has; the list owns itself only.
struct state {
    struct ops *ops;
    struct tensor *tensor;
    size_t count, capacity;
};
void state_add(struct state *state, const char *name, const char *suffix, enum dtype dtype, struct shape shape,
               void *device);
void state_release(struct state *state);

// Of a single rank. 0 or -EXIT_RUN; checksum and size as safetensors_write.
int state_write(const struct state *state, const char *path, uint64_t *checksum, int64_t *size);
// Writes what is this rank's into the file that safetensors_lay_out made of such a state. 0 or -EXIT_RUN.
int state_fill(const struct state *state, const char *path);
// Every tensor that is this rank's must be in the file with its dtype and shape: -EXIT_USAGE naming the first that is
// not; -EXIT_DATA for a damaged file.
int state_read(const struct state *state, const char *path);
