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
    params->ops = ops;
    params->value = ops_allocate(ops, (size_t)params->elements * dtype_size(ops->dtype));
    params->master = params->value;
    if (ops->dtype != DT_REAL) params->master = ops_allocate(ops, (size_t)params->master_elements * sizeof(real));
}

static void allocate_for_training(struct params *params) {
    params->gradient = ops_allocate(params->ops, (size_t)params->elements * sizeof *params->gradient);
    params->squares = ops_allocate(params->ops, (size_t)params->count * sizeof *params->squares);
}

struct params *params_new(struct ops *ops, const struct model_config *config, const struct model_part *part,
                          bool train) {
    struct params *params = params_layout(config, part);
    allocate_blocks(params, ops);
    if (train) allocate_for_training(params);
    return params;
}

struct params *params_new_divided(struct ops *ops, const struct model_config *config, const struct model_part *part,
                                  int rank, int ranks) {
    struct params *params = params_layout(config, part);
    params_layout_deal(params, rank, ranks);
    allocate_blocks(params, ops);
    allocate_for_training(params);
    return params;
}

int64_t params_bytes(const struct params *layout, enum dtype dtype, bool train) {
    int64_t bytes = layout->elements * (int64_t)dtype_size(dtype);
    if (dtype != DT_REAL) bytes += layout->master_elements * (int64_t)sizeof(real);
    if (train) bytes += layout->elements * (int64_t)sizeof(real) + layout->count * (int64_t)sizeof(double);
    return bytes;
}

struct params *params_new_narrow(struct ops *ops, const struct model_config *config, const struct model_part *part) {
    struct params *params = params_layout_narrow(config, part);
    allocate_blocks(params, ops);
    params->narrow = narrow_new(ops, params);
    return params;
}

// Whether masters are not the values.
static bool masters_apart(const struct params *params) {
    return params->value != params->master;
}

static void release_arriving(struct params *params) {
    if (params->arriving) ops_release(params->ops, params->arriving);
    params->arriving = NULL;
}

static void release_blocks(struct params *params) {
    if (params->narrow) narrow_free(&params->narrow, params->ops);
    if (params->gradient) ops_release(params->ops, params->gradient);
    if (params->squares) ops_release(params->ops, params->squares);
    release_arriving(params);
    if (masters_apart(params)) ops_release(params->ops, params->master);
    ops_release(params->ops, params->value);
}

void params_free(struct params **params) {
    if (!*params) return;
    if ((*params)->ops) release_blocks(*params);
    free((*params)->item);
    free(*params);
    *params = NULL;
}

static void *value_of(const struct params *params, const struct param *param) {
    return (char *)params->value + param->offset * (int64_t)dtype_size(params->ops->dtype);
}

real *params_master(const struct params *params, const struct param *param) {
    if (params->narrow && param->linear) return NULL;
    if (!masters_apart(params)) return params->master + param->offset;
    return param->master < 0 ? NULL : params->master + param->master;
}

int params_run_end(const struct params *params, int i) {
    const int owner = params->item[i].owner;
    while (i < params->count && params->item[i].owner == owner) i++;
    return i;
}

int64_t params_span(const struct params *params, int i, int end) {
    return (end < params->count ? params->item[end].offset : params->elements) - params->item[i].offset;
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
    return (struct weight){value_of(params, param), params_master(params, param),
                           params->gradient ? params->gradient + param->offset : NULL, NULL};
}

int params_named(const struct params *params, const char *prefix, int *first) {
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
    return (struct weight){(char *)weight.value + elements * (int64_t)dtype_size(dtype),
                           weight.master ? weight.master + elements : NULL,
                           weight.gradient ? weight.gradient + elements : NULL, NULL};
}

struct weight weight_rows(struct weight weight, enum dtype dtype, int64_t rows, int64_t inputs) {
    if (!weight.scale) return weight_at(weight, dtype, rows * inputs);
    return (struct weight){(int8_t *)weight.value + rows * inputs, NULL, NULL, weight.scale + rows};
}

static size_t largest_bytes(const struct params *params) {
    int64_t largest = 0;
    for (int i = 0; i < params->count; i++)
        if (shape_count(params->item[i].shape) > largest) largest = shape_count(params->item[i].shape);
    return (size_t)largest * sizeof(real);
}

real *params_destination(struct params *params, const struct param *param) {
    if (params->narrow && param->linear) return narrow_destination(params->narrow, params->ops);
    real *master = params_master(params, param);
    if (!master && !params->arriving) params->arriving = ops_allocate(params->ops, largest_bytes(params));
    return master ? master : params->arriving;
}

static void convert_tensor(const struct params *params, const struct param *param, const real *from) {
    struct ops *ops = params->ops;
    ops->convert(ops, value_of(params, param), ops->dtype, from, DT_REAL, shape_count(param->shape));
}

void params_settle(struct params *params, const struct param *param) {
    if (params->narrow && param->linear)
        narrow_settle(params->narrow, params->ops, param);
    else if (masters_apart(params) && param->own < 0)
        convert_tensor(params, param, params_destination(params, param));
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

// Own tensors' masters lie as their values do, run by run.
static void convert_own(const struct params *params) {
    struct ops *ops = params->ops;
    for (int i = 0, end; i < params->count; i = end) {
        const struct param *param = &params->item[i];
        end = params_run_end(params, i);
        if (param->own >= 0)
            ops->convert(ops, value_of(params, param), ops->dtype, params->master + param->own, DT_REAL,
                         params_span(params, i, end));
    }
}

void params_refresh(struct params *params) {
    if (params->narrow) narrow_settled(params->narrow, params->ops);
    release_arriving(params);
    if (masters_apart(params)) convert_own(params);
    params->ops->weights_changed(params->ops);
}

void *params_exchanged(const struct params *params, const struct param *param, size_t *bytes) {
    const bool master = masters_apart(params) && param->whole;
    *bytes = (size_t)shape_count(param->shape) * (master ? sizeof(real) : dtype_size(params->ops->dtype));
    return master ? params_master(params, param) : value_of(params, param);
}

void params_values_changed(struct params *params) {
    for (int i = 0; i < params->count && masters_apart(params); i++) {
        const struct param *param = &params->item[i];
        if (param->own < 0 && param->whole) convert_tensor(params, param, params_master(params, param));
    }
    params->ops->weights_changed(params->ops);
}

void params_zero_gradient(struct params *params) {
    if (params->gradient) params->ops->zero(params->ops, params->gradient, (size_t)params->elements * sizeof(real));
}
