// The blocks of a part's parameters in a backend's memory: their allocation, initial values, and the values in the
// compute type that follow the masters. Stages make one for their part; towers take addresses from it, optimizers write
// the masters. Which tensors there are is layout.c's.
#include "model/params/params.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "model/params/narrow.h"
#include "ops/cpu/pool.h"

static void allocate_blocks(struct params *params, struct ops *ops) {
    size_t elements = (size_t)params->elements;
    params->ops = ops;
    params->master = ops_allocate(ops, elements * sizeof(real));
    params->value = ops->dtype == DT_REAL ? params->master : ops_allocate(ops, elements * dtype_size(ops->dtype));
}

struct params *params_new(struct ops *ops, const struct model_config *config, const struct model_part *part,
                          bool train) {
    struct params *params = params_layout(config, part);
    allocate_blocks(params, ops);
    if (train) params->gradient = ops_allocate(ops, (size_t)params->elements * sizeof(real));
    return params;
}

struct params *params_new_narrow(struct ops *ops, const struct model_config *config, const struct model_part *part) {
    struct params *params = params_layout_narrow(config, part);
    allocate_blocks(params, ops);
    params->narrow = narrow_new(ops, params);
    return params;
}

static void release_blocks(struct params *params) {
    if (params->narrow) narrow_free(&params->narrow, params->ops);
    if (params->gradient) ops_release(params->ops, params->gradient);
    if (params->value != params->master) ops_release(params->ops, params->value);
    if (params->master) ops_release(params->ops, params->master);
}

void params_free(struct params **params) {
    if (!*params) return;
    if ((*params)->ops) release_blocks(*params);
    free((*params)->item);
    free(*params);
    *params = NULL;
}

struct weight params_weight(const struct params *params, const char *format, ...) {
    char name[TENSOR_NAME];
    va_list list;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    const struct param *param = params_find(params, name);
    if (!param) bug("no parameter %s", name);
    if (params->narrow && param->linear) return narrow_weight(params->narrow, param);
    return weight_at((struct weight){params->value, params->master, params->gradient, NULL}, params->ops->dtype,
                     param->offset);
}

int params_span(const struct params *params, const char *prefix, int *first) {
    int count = 0;
    *first = 0;
    while (*first < params->count && !text_begins(params->item[*first].name, prefix)) ++*first;
    while (*first + count < params->count && text_begins(params->item[*first + count].name, prefix)) count++;
    if (!count) bug("no parameter of %s", prefix);
    return count;
}

void params_final(const struct params *params, int first, int count) {
    if (params->final) params->final(params->final_context, first, count);
}

struct weight weight_at(struct weight weight, enum dtype dtype, int64_t elements) {
    return (struct weight){(char *)weight.value + elements * (int64_t)dtype_size(dtype), weight.master + elements,
                           weight.gradient ? weight.gradient + elements : NULL, NULL};
}

struct weight weight_rows(struct weight weight, enum dtype dtype, int64_t rows, int64_t inputs) {
    if (!weight.scale) return weight_at(weight, dtype, rows * inputs);
    return (struct weight){(int8_t *)weight.value + rows * inputs, NULL, NULL, weight.scale + rows};
}

real *params_destination(struct params *params, const struct param *param) {
    if (params->narrow && param->linear) return narrow_destination(params->narrow, params->ops);
    return params->master + param->offset;
}

void params_settle(struct params *params, const struct param *param) {
    if (params->narrow && param->linear) narrow_settle(params->narrow, params->ops, param);
}

// Elements first … first + n of one tensor, on their way to the device.
struct drawing {
    real *to;
    const struct param *param;
    struct random_key key;
    int64_t first, n;
};

static void draw(const void *context, struct share share) {
    const struct drawing *job = context;
    const struct param *param = job->param;
    struct range range = share_of(share, job->n, 1);
    for (int64_t i = range.begin; i < range.end; i++)
        job->to[i] = (real)(param->mean + param->deviation * random_normal(job->key, (uint64_t)(job->first + i)));
}

#define PIECE (1 << 20) // elements; bounds the host's copy
#define DRAW_ALONE 1024 // so few are drawn before another thread has heard of it

static void draw_tensor(struct params *params, struct pool *pool, real *piece, const struct param *param,
                        uint64_t seed) {
    struct drawing job = {.to = piece, .param = param, .key = random_key(seed, param->name)};
    int64_t count = shape_count(param->shape);
    real *to = params_destination(params, param);
    for (job.first = 0; job.first < count; job.first += job.n) {
        job.n = count - job.first < PIECE ? count - job.first : PIECE;
        pool_run(pool, job.n < DRAW_ALONE, draw, &job);
        params->ops->upload(params->ops, to + job.first, piece, (size_t)job.n * sizeof *piece);
    }
    params_settle(params, param);
}

// Every number follows from its key and place alone, so that the team's size does not show.
static void draw_tensors(struct params *params, const struct param *first, int count, uint64_t seed) {
    struct pool *pool = pool_new(params->ops->threads);
    if (!pool) pool = pool_new(1);
    real *piece = xmalloc(PIECE * sizeof *piece);
    for (int i = 0; i < count; i++) draw_tensor(params, pool, piece, &first[i], seed);
    free(piece);
    pool_free(&pool);
}

void params_initialize(struct params *params, uint64_t seed) {
    draw_tensors(params, params->item, params->count, seed);
    params_zero_gradient(params);
    params_refresh(params);
}

void params_initialize_one(struct params *params, const struct param *param, uint64_t seed) {
    draw_tensors(params, param, 1, seed);
}

void params_refresh(struct params *params) {
    struct ops *ops = params->ops;
    if (params->narrow) narrow_settled(params->narrow, ops);
    if (params->value != params->master)
        ops->convert(ops, params->value, ops->dtype, params->master, DT_REAL, params->elements);
    ops->weights_changed(ops);
}

void params_zero_gradient(struct params *params) {
    if (params->gradient) params->ops->zero(params->ops, params->gradient, (size_t)params->elements * sizeof(real));
}
