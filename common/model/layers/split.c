// Index lists that take the first row of every group apart from the rest, for gather and scatter. The ViT's embedding
// puts the class token before the patches with it, and image_pool.c the embedding's row before the features. Both
// directions are the same lists: what was gathered one way is added back the other, and as every row has one index, the
// order of additions does not matter.
#include "model/layers/split.h"

#include <stdlib.h>

#include "base/memory.h"

void split_plan(struct split *split, int groups, int n, struct planner *planner) {
    split->n = n;
    split->first = arena_take(planner->arena, (size_t)groups * sizeof *split->first);
    split->rest = arena_take(planner->arena, (size_t)groups * (size_t)(n - 1) * sizeof *split->rest);
}

void split_fill(struct ops *ops, const struct split *split, int groups) {
    size_t n = (size_t)split->n, count = (size_t)groups;
    int32_t *first = xcalloc(count, sizeof *first), *rest = xcalloc(count * n, sizeof *rest), *next = rest;
    for (int g = 0; g < groups; g++) {
        first[g] = g * split->n;
        for (int i = 1; i < split->n; i++) *next++ = first[g] + i;
    }
    ops->upload(ops, split->first, first, count * sizeof *first);
    ops->upload(ops, split->rest, rest, count * (n - 1) * sizeof *rest);
    free(first);
    free(rest);
}

void split_apart(struct ops *ops, const struct split *split, void *first, void *rest, const void *rows, int groups,
                 int64_t D) {
    ops->gather_rows(ops, first, rows, split->first, groups, D);
    if (rest) ops->gather_rows(ops, rest, rows, split->rest, (int64_t)groups * (split->n - 1), D);
}

void split_add(struct ops *ops, const struct split *split, void *rows, const void *first, const void *rest, int groups,
               int64_t D) {
    if (first) ops->scatter_add_rows(ops, rows, first, split->first, groups, D);
    if (rest) ops->scatter_add_rows(ops, rows, rest, split->rest, (int64_t)groups * (split->n - 1), D);
}
