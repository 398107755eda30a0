// Deals a part's tensors among the ranks of its stage. Whole tensors, so that an update sees one as a single rank does;
// largest first to the rank that has least, which leaves two ranks no further apart than the largest is. Every rank
// works it out for itself from the table alone, so there is nothing to agree on.
#include <stdlib.h>

#include "base/memory.h"
#include "model/params/params.h"

// Adjacent tensors, which stay together.
struct group {
    int first, count;
    int64_t elements;
};

static int find_groups(const struct params *params, struct group *group) {
    int groups = 0;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        if (!param->adjacent) group[groups++] = (struct group){.first = i};
        group[groups - 1].count++;
        group[groups - 1].elements += shape_count(param->shape);
    }
    return groups;
}

static int largest_first(const void *a, const void *b) {
    const struct group *x = a, *y = b;
    if (x->elements != y->elements) return x->elements > y->elements ? -1 : 1;
    return x->first - y->first;
}

static int least_loaded(const int64_t *load, int ranks) {
    int least = 0;
    for (int rank = 1; rank < ranks; rank++)
        if (load[rank] < load[least]) least = rank;
    return least;
}

static void deal(struct params *params) {
    struct group *group = xcalloc((size_t)params->count + 1, sizeof *group);
    int64_t *load = xcalloc((size_t)params->ranks, sizeof *load);
    int groups = find_groups(params, group);
    qsort(group, (size_t)groups, sizeof *group, largest_first);
    for (int g = 0; g < groups; g++) {
        int owner = least_loaded(load, params->ranks);
        load[owner] += params_aligned(group[g].elements);
        for (int i = 0; i < group[g].count; i++) params->item[group[g].first + i].owner = owner;
    }
    free(group);
    free(load);
}

// The next place in a block whose end is *end.
static int64_t take_place(int64_t *end, const struct param *param) {
    int64_t place = param->adjacent ? *end : params_aligned(*end);
    *end = place + shape_count(param->shape);
    return place;
}

void params_layout_deal(struct params *params, int rank, int ranks) {
    int64_t end = 0;
    params->rank = rank;
    params->ranks = ranks;
    deal(params);
    for (int i = 0; i < params->count; i++) {
        struct param *param = &params->item[i];
        param->own = param->master = param->owner == rank ? take_place(&end, param) : -1;
    }
    end = params->own_elements = params_aligned(end);
    for (int i = 0; i < params->count; i++) {
        struct param *param = &params->item[i];
        if (param->own < 0 && param->whole) param->master = take_place(&end, param);
    }
    params->master_elements = params_aligned(end);
}
