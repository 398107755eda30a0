// Files by number, opened when they are read and kept open as far as a bound allows. Private.
#pragma once

#include "remote/failure.h"

enum { DESCRIPTOR_GONE = 1 }; // what `read` returns of a file that is to be opened anew

// Both may be called by several threads at once. A descriptor or −code; 0, DESCRIPTOR_GONE or −code.
struct descriptor_calls {
    void *context;
    int (*open)(void *context, int number, struct failure *failure);
    int (*read)(void *context, int number, int fd, int64_t offset, void *bytes, size_t size, struct failure *failure);
};

struct descriptors;
void descriptors_open(struct descriptors **descriptors, struct descriptor_calls calls);
void descriptors_close(struct descriptors **descriptors);
// 0 or −code, any thread.
int descriptors_read(struct descriptors *descriptors, int number, int64_t offset, void *bytes, size_t size,
                     struct failure *failure);
// Closes those that nobody reads and that have no name any more: what was unlinked takes room as long as it is open.
void descriptors_sweep(struct descriptors *descriptors);
