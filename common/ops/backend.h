// What a backend gives to ops.c: a way to open it. The table of backends is in ops.c.
#pragma once

#include "ops/ops.h"

struct backend {
    const char *device; // what stands before ':' in --device
    // Fills `ops`, whose dtype and threads are those asked for. `index` is what stands behind ':', or 0.
    // 0 or -EXIT_USAGE, reported.
    int (*open)(struct ops *ops, int index);
};

int reference_open(struct ops *ops, int index);
int cpu_open(struct ops *ops, int index);
int cuda_open(struct ops *ops, int index); // loads the shared object of cuda_object.h
