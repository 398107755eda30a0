// Lists of where samples lie in a matrix, for samples of equal size: pictures' tokens, queries, single rows. Ragged
// ones are text_rows.c's. They are made once for the largest microbatch and stay on the device; a smaller one uses the
// front of the lists, and only the number of rows differs.
#include "model/layers/spans.h"

#include <stdlib.h>

#include "base/memory.h"

void spans_plan(struct spans *spans, int B, int count, struct planner *planner) {
    spans->start = arena_take(planner->arena, (size_t)B * sizeof *spans->start);
    spans->count = arena_take(planner->arena, (size_t)B * sizeof *spans->count);
    spans->max = count;
}

void spans_fill(struct ops *ops, const struct spans *spans, int B, int stride) {
    size_t bytes = (size_t)B * sizeof(int32_t);
    int32_t *start = xmalloc(bytes), *count = xmalloc(bytes);
    for (int b = 0; b < B; b++) {
        start[b] = b * stride;
        count[b] = spans->max;
    }
    ops->upload(ops, spans->start, start, bytes);
    ops->upload(ops, spans->count, count, bytes);
    free(start);
    free(count);
}

struct spans spans_rows(const struct spans *spans, int64_t rows) {
    struct spans result = *spans;
    result.rows = rows;
    return result;
}
