// Where activations lie. Each layer states what it keeps by taking it from the planner's arena; the same code runs
// once to measure and once to place. Without training nothing outlives the layer that made it, so a plan for
// inference gives the pieces back after every layer and all layers lie in the same place.
#pragma once

#include <stdbool.h>

#include "ops/ops.h"
#include "tensor/arena.h"

struct planner {
    struct arena *arena;
    enum dtype dtype; // of activations
    bool train;
};

static inline void *plan_rows(struct planner *planner, int64_t R, int64_t D) { // [R,D] of the compute type
    return arena_take(planner->arena, (size_t)(R * D) * dtype_size(planner->dtype));
}

static inline real *plan_reals(struct planner *planner, int64_t count) {
    return arena_take(planner->arena, (size_t)count * sizeof(real));
}

// So many elements of the compute type further on; NULL stays NULL while measuring.
static inline void *element_at(void *rows, enum dtype dtype, int64_t elements) {
    return rows ? (char *)rows + elements * (int64_t)dtype_size(dtype) : NULL;
}

// Nothing planned later lies where anything planned so far does, not even where pieces were given back.
static inline void plan_seal(struct planner *planner) {
    arena_take(planner->arena, planner->arena->peak - planner->arena->used);
}
