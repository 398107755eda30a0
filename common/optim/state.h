// Named tensors in backend memory, and their way to a safetensors file and back: optimizer state and averages.
#pragma once

#include "ops/ops.h"
#include "tensor/tensor.h"

// `tensor[i].data` is memory of the backend; the list owns itself only.
struct state {
    struct ops *ops;
    struct tensor *tensor;
    size_t count, capacity;
};
void state_add(struct state *state, const char *name, const char *suffix, enum dtype dtype, struct shape shape,
               void *device);
void state_release(struct state *state);

// 0 or -EXIT_RUN; checksum and size as safetensors_write.
int state_write(const struct state *state, const char *path, uint64_t *checksum, int64_t *size);
// Every tensor must be in the file with its dtype and shape: -EXIT_USAGE naming the first that is not; -EXIT_DATA for a
// damaged file.
int state_read(const struct state *state, const char *path);
