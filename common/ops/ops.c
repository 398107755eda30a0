// Opens a backend by the value of --device and hands out its table of operations. Parts of a model, the optimizer and
// the losses call through that table alone, so a backend is added here, by one row, and nowhere else. What a device is,
// and what it takes, each backend's open() says; this file reads the name.
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/machine.h"
#include "base/memory.h"
#include "ops/backend.h"
#include "ops/profile.h"

static const struct backend backends[] = {
    {"reference", reference_open},
#ifndef COCA_REAL_DOUBLE // the double build is for finite differences and has the reference alone
    {"cpu", cpu_open},
    {"cuda", cuda_open},
#endif
};

// Splits "cuda:1" into the length of "cuda" and 1; a name without ':' has index 0. -1 when it is malformed.
static int device_index(const char *device, size_t *name_length) {
    *name_length = strcspn(device, ":");
    if (!device[*name_length]) return 0;
    char *end;
    long index = strtol(device + *name_length + 1, &end, 10);
    return end == device + *name_length + 1 || *end || index < 0 || index > 1023 ? -1 : (int)index;
}

int ops_device_index(const char *device) {
    size_t length;
    return device_index(device, &length);
}

bool ops_same_backend(const char *device, const char *other) {
    size_t length = strcspn(device, ":");
    return length == strcspn(other, ":") && !memcmp(device, other, length);
}

static const struct backend *find_backend(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strlen(backends[i].device) == length && !memcmp(backends[i].device, name, length)) return &backends[i];
    return NULL;
}

int ops_open(struct ops **ops, const char *device, enum dtype dtype, int threads) {
    size_t length;
    int index = device_index(device, &length);
    const struct backend *backend = find_backend(device, length);
    if (!backend || index < 0)
        return error(EXIT_USAGE, "--device %s: this build has no such device; use --device cpu", device);
    if (dtype != DT_REAL && dtype != DT_BF16)
        return error(EXIT_USAGE, "--device %s: cannot compute in %s", device, dtype_name(dtype));
    struct ops *new = xcalloc(1, sizeof *new);
    new->dtype = dtype;
    new->threads = threads ? threads : machine_cores();
    int status = backend->open(new, index);
    if (status)
        free(new);
    else
        *ops = new;
    return status;
}

void ops_close(struct ops **ops) {
    if (!*ops) return;
    profile_release(*ops);
    (*ops)->close(*ops);
    free(*ops);
    *ops = NULL;
}

// Forward a weight is read by its inputs, backward by its outputs: a backend that lays weights out for its products
// keeps a copy for each, of the weight's own type.
int64_t ops_own_bytes(const struct ops *ops, int64_t weights, bool narrow, bool train) {
    int64_t each = narrow && ops->copy_bytes ? 1 : ops->copy_bytes;
    return ops->scratch_bytes + (train ? 2 : 1) * weights * each;
}

bool ops_in_host_memory(struct ops *ops) {
    int64_t free_bytes;
    ops->free_memory(ops, &free_bytes);
    return free_bytes < 0;
}

void *ops_allocate(struct ops *ops, size_t bytes) {
    void *memory;
    ops->allocate(ops, &memory, bytes);
    return memory;
}

void ops_release(struct ops *ops, void *memory) {
    ops->release(ops, memory);
}
