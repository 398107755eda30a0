// Files of a list, opened when they are read and kept open as far as a bound allows. Private.
#pragma once

#include "remote/failure.h"

struct descriptors;
void descriptors_open(struct descriptors **descriptors, const struct object *object); // borrowed
void descriptors_close(struct descriptors **descriptors);
int descriptors_read(struct descriptors *descriptors, int number, int64_t offset, void *bytes, size_t size,
                     struct failure *failure);
