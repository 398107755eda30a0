// Tensors of the device in a file, under names: how an optimizer's state and averages are written and read again. A
// file must hold exactly what is expected, in the same type and shape, since it goes on bit for bit.
#include "optim/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/safetensors.h"

void state_add(struct state *state, const char *name, const char *suffix, enum dtype dtype, struct shape shape,
               void *device) {
    if (state->count == state->capacity) {
        state->capacity = state->capacity ? 2 * state->capacity : 64;
        state->tensor = xrealloc_array(state->tensor, state->capacity, sizeof *state->tensor);
    }
    struct tensor *tensor = &state->tensor[state->count++];
    *tensor = (struct tensor){.dtype = dtype, .shape = shape, .data = device};
    int length = snprintf(tensor->name, sizeof tensor->name, "%s%s", name, suffix);
    if (length >= (int)sizeof tensor->name) bug("tensor name too long: %s%s", name, suffix);
}

void state_release(struct state *state) {
    free(state->tensor);
    *state = (struct state){0};
}

// Copies in host memory of what is this rank's; release_host frees them.
static struct tensor *to_host(const struct state *state) {
    struct tensor *host = xcalloc(state->count ? state->count : 1, sizeof *host);
    for (size_t i = 0; i < state->count; i++) {
        host[i] = state->tensor[i];
        if (!host[i].data) continue;
        size_t bytes = (size_t)tensor_bytes(&host[i]);
        host[i].data = xmalloc(bytes);
        state->ops->download(state->ops, host[i].data, state->tensor[i].data, bytes);
    }
    return host;
}

static void release_host(const struct state *state, struct tensor *host) {
    for (size_t i = 0; i < state->count; i++) free(host[i].data);
    free(host);
}

int state_write(const struct state *state, const char *path, uint64_t *checksum, int64_t *size) {
    struct tensor *host = to_host(state);
    int status = safetensors_write(path, host, state->count, NULL, 0, checksum, size);
    release_host(state, host);
    return status;
}

int state_fill(const struct state *state, const char *path) {
    struct tensor *host = to_host(state);
    int status = safetensors_fill(path, host, state->count);
    release_host(state, host);
    return status;
}

static int read_tensor(const struct state *state, const struct tensor *wanted, const struct safetensors *file,
                       const char *path) {
    const struct tensor *found = safetensors_find(file, wanted->name);
    char want[SHAPE_TEXT], have[SHAPE_TEXT];
    if (!found)
        return error(EXIT_USAGE, "%s: no tensor %s; was it written by another model or optimizer?", path, wanted->name);
    if (found->dtype != wanted->dtype || !shape_equal(found->shape, wanted->shape))
        return error(EXIT_USAGE, "%s: %s is %s %s, not %s %s; was it written by another model or optimizer?", path,
                     wanted->name, dtype_name(found->dtype), shape_format(found->shape, have),
                     dtype_name(wanted->dtype), shape_format(wanted->shape, want));
    state->ops->upload(state->ops, wanted->data, found->data, (size_t)tensor_bytes(found));
    return 0;
}

int state_read(const struct state *state, const char *path) {
    struct safetensors file;
    int status = safetensors_open(&file, path);
    if (status) return status;
    for (size_t i = 0; i < state->count && !status; i++)
        if (state->tensor[i].data) status = read_tensor(state, &state->tensor[i], &file, path);
    safetensors_close(&file);
    return status;
}
