// Memory and transfers where device and host are the same: copies, and two operations that have nothing to do. Copies
// of weights are never kept, and when a call returns its work is done.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/reference/reference.h"

void reference_allocate(struct ops *ops, void **memory, size_t bytes) {
    (void)ops;
    *memory = xaligned(bytes);
    memset(*memory, 0, bytes);
}

void reference_release(struct ops *ops, void *memory) {
    (void)ops;
    free(memory);
}

void reference_upload(struct ops *ops, void *device, const void *host, size_t bytes) {
    (void)ops;
    memcpy(device, host, bytes);
}

void reference_download(struct ops *ops, void *host, const void *device, size_t bytes) {
    (void)ops;
    memcpy(host, device, bytes);
}

void reference_copy(struct ops *ops, void *to, const void *from, size_t bytes) {
    (void)ops;
    memcpy(to, from, bytes);
}

void reference_zero(struct ops *ops, void *memory, size_t bytes) {
    (void)ops;
    memset(memory, 0, bytes);
}

void reference_convert(struct ops *ops, void *to, enum dtype to_type, const void *from, enum dtype from_type,
                       int64_t n) {
    (void)ops;
    dtype_convert(to, to_type, from, from_type, (size_t)n);
}

void reference_weights_changed(struct ops *ops) {
    (void)ops;
}

void reference_finish(struct ops *ops) {
    (void)ops;
}
