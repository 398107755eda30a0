// Adds up the gradients of a rank's microbatches as they are made, and hands each tensor to exchange.c as soon as it is
// final. The follower calls open and close around the passes of a phase (follower_pass.c); in the last pass the towers
// say block by block what is final (params->final), so that the ranks' exchange runs beside the rest of the pass.
#include "train/gradients.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "optim/squares.h"
#include "optim/tuning.h"

static int look(void *context) {
    return hub_look(context);
}

struct ranks_meanwhile meanwhile_of(struct hub *hub) {
    return (struct ranks_meanwhile){look, hub};
}

struct gradients {
    struct params *params;
    struct ranks *ranks;
    struct exchange *exchange;
    enum gradient_sum sum;
    int own;
    real **kept; // [depth] sums of subtrees that wait for their right halves
    int depth, top;
    const char *prefix; // of the pass under way
    int slot;
    bool *final;     // [count] added up and handed on
    int status;      // of what was handed on within a pass
    double *squares; // [count]
};

// How many sums become whole with leaf `slot` of `own`: the nodes whose last leaf it is.
static int merges(int slot, int own) {
    int count = 0;
    for (int first = 0; own > 1;) {
        const int half = own / 2;
        if (slot < first + half) {
            own = half;
            count = 0;
        } else {
            first += half;
            own -= half;
            count++;
        }
    }
    return count;
}

// Blocks that wait at a time, at most: a right half may be the larger one.
static int depth_of(enum gradient_sum sum, int own) {
    int depth = 0;
    while (sum == GRADIENT_SUM_TREE && (int64_t)1 << depth < own) depth++;
    return depth;
}

static size_t block_bytes(const struct params *params) {
    return (size_t)params->elements * sizeof(real);
}

struct memory_bytes gradients_bytes(const struct params *layout, struct ops *ops, enum gradient_sum sum, int own,
                                    int ranks) {
    struct memory_bytes bytes = exchange_bytes(layout, ops, ranks);
    bytes.device += depth_of(sum, own) * (int64_t)block_bytes(layout);
    return bytes;
}

struct gradients *gradients_new(struct params *params, struct ranks *ranks, bool devices, enum gradient_sum sum,
                                int own) {
    struct gradients *gradients = xcalloc(1, sizeof *gradients);
    *gradients = (struct gradients){.params = params, .ranks = ranks, .sum = sum, .own = own};
    gradients->exchange = exchange_new(params, ranks, devices, sum);
    gradients->depth = depth_of(sum, own);
    gradients->kept = xcalloc((size_t)gradients->depth + 1, sizeof *gradients->kept);
    for (int i = 0; i < gradients->depth; i++) gradients->kept[i] = ops_allocate(params->ops, block_bytes(params));
    gradients->final = xcalloc((size_t)params->count, sizeof *gradients->final);
    gradients->squares = xcalloc((size_t)params->count, sizeof *gradients->squares);
    return gradients;
}

void gradients_free(struct gradients **gradients) {
    if (!*gradients) return;
    for (int i = 0; i < (*gradients)->depth; i++) ops_release((*gradients)->params->ops, (*gradients)->kept[i]);
    exchange_free(&(*gradients)->exchange);
    free((*gradients)->kept);
    free((*gradients)->final);
    free((*gradients)->squares);
    free(*gradients);
    *gradients = NULL;
}

// ---- runs of tensors

// Tensors first … end − 1, which lie side by side.
struct stretch {
    int first, end;
};

static bool is_open(const struct gradients *gradients, int i) {
    return !gradients->final[i] && text_begins(gradients->params->item[i].name, gradients->prefix);
}

// The next run from `from` on of tensors that the pass fills and that are not final; false: there is none.
static bool next_stretch(const struct gradients *gradients, int from, int to, struct stretch *run) {
    while (from < to && !is_open(gradients, from)) from++;
    run->first = run->end = from;
    while (run->end < to && is_open(gradients, run->end)) run->end++;
    return run->first < run->end;
}

static int64_t stretch_offset(const struct params *params, struct stretch run) {
    return params->item[run.first].offset;
}

static int64_t stretch_elements(const struct params *params, struct stretch run) {
    const int64_t end = run.end < params->count ? params->item[run.end].offset : params->elements;
    return end - stretch_offset(params, run);
}

// ---- a pass

// This leaf's sums that become whole.
static void merge(const struct gradients *gradients, struct stretch run) {
    struct ops *ops = gradients->params->ops;
    const int64_t at = stretch_offset(gradients->params, run), n = stretch_elements(gradients->params, run);
    const int whole = gradients->sum == GRADIENT_SUM_TREE ? merges(gradients->slot, gradients->own) : 0;
    for (int i = 1; i <= whole; i++)
        ops->accumulate(ops, gradients->params->gradient + at, gradients->kept[gradients->top - i] + at, n);
}

static int hand_on(struct gradients *gradients, struct stretch run) {
    for (int i = run.first; i < run.end; i++) gradients->final[i] = true;
    return exchange_gradients(gradients->exchange, run.first, run.end - run.first);
}

static void finish(struct gradients *gradients, int from, int to) {
    for (struct stretch run; next_stretch(gradients, from, to, &run); from = run.end) {
        merge(gradients, run);
        if (!gradients->status) gradients->status = hand_on(gradients, run);
    }
}

static void on_final(void *context, int first, int count) {
    finish(context, first, first + count);
}

void gradients_begin(struct gradients *gradients) {
    params_zero_gradient(gradients->params);
    for (int i = 0; i < gradients->params->count; i++) gradients->final[i] = false;
    gradients->status = 0;
}

static bool is_last(const struct gradients *gradients) {
    return gradients->slot == gradients->own - 1;
}

void gradients_open(struct gradients *gradients, const char *prefix, int slot) {
    struct params *params = gradients->params;
    const bool leaf = gradients->sum == GRADIENT_SUM_TREE && slot > 0;
    gradients->prefix = prefix;
    gradients->slot = slot;
    if (!slot) gradients->top = 0;
    for (struct stretch run = {0, 0}; leaf && next_stretch(gradients, run.end, params->count, &run);)
        params->ops->zero(params->ops, params->gradient + stretch_offset(params, run),
                          (size_t)stretch_elements(params, run) * sizeof(real));
    // What a device has queued is not final when the host has issued it.
    if (!is_last(gradients) || ranks_count(gradients->ranks) == 1 || params->ops->queued) return;
    params->final = on_final;
    params->final_context = gradients;
}

static void keep(struct gradients *gradients) {
    const struct params *params = gradients->params;
    for (struct stretch run = {0, 0}; next_stretch(gradients, run.end, params->count, &run);) {
        const int64_t at = stretch_offset(params, run);
        params->ops->copy(params->ops, gradients->kept[gradients->top] + at, params->gradient + at,
                          (size_t)stretch_elements(params, run) * sizeof(real));
    }
    gradients->top++;
}

int gradients_close(struct gradients *gradients) {
    struct params *params = gradients->params;
    params->final = NULL;
    if (is_last(gradients)) {
        finish(gradients, 0, params->count);
    } else if (gradients->sum == GRADIENT_SUM_TREE) {
        for (struct stretch run = {0, 0}; next_stretch(gradients, run.end, params->count, &run);) merge(gradients, run);
        gradients->top -= merges(gradients->slot, gradients->own);
        keep(gradients);
    }
    return gradients->status;
}

// ---- behind all passes

// Each tensor's squares are its owner's to say.
static int join_squares(struct gradients *gradients, struct ranks_meanwhile meanwhile) {
    const int count = gradients->params->count, R = ranks_count(gradients->ranks);
    const size_t size = (size_t)count * sizeof(double);
    double *all = xcalloc((size_t)(R * count), sizeof *all);
    int status = ranks_collect(gradients->ranks, gradients->squares, all, size, meanwhile);
    for (int i = 0; i < count && !status; i++)
        gradients->squares[i] = all[gradients->params->item[i].owner * count + i];
    free(all);
    return status;
}

int gradients_sum(struct gradients *gradients, struct ranks_meanwhile meanwhile) {
    int status = exchange_sum(gradients->exchange, meanwhile);
    if (status) return status;
    tuning_clear_locked(gradients->params);
    gradient_squares(gradients->params, gradients->squares);
    return join_squares(gradients, meanwhile);
}

double gradients_squares(const struct gradients *gradients) {
    return squares_total(gradients->params, gradients->squares);
}

const char *gradients_bad(const struct gradients *gradients) {
    return squares_bad(gradients->params, gradients->squares);
}

int gradients_spread(struct gradients *gradients, struct ranks_meanwhile meanwhile) {
    return exchange_values(gradients->exchange, meanwhile);
}
