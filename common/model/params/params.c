#include "model/params/params.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/params/layout.h"

struct params *params_layout(const struct model_config *config, enum model_part part) {
    struct params *params = xcalloc(1, sizeof *params);
    params->part = part;
    layout_part(params, config);
    return params;
}

struct params *params_new(struct ops *ops, const struct model_config *config, enum model_part part, bool train) {
    struct params *params = params_layout(config, part);
    size_t elements = (size_t)params->elements;
    params->ops = ops;
    params->master = ops_allocate(ops, elements * sizeof(real));
    params->value = ops->dtype == DT_REAL ? params->master : ops_allocate(ops, elements * dtype_size(ops->dtype));
    if (train) params->gradient = ops_allocate(ops, elements * sizeof(real));
    return params;
}

static void release_blocks(struct params *params) {
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

const struct param *params_find(const struct params *params, const char *name) {
    for (int i = 0; i < params->count; i++)
        if (!strcmp(params->item[i].name, name)) return &params->item[i];
    return NULL;
}

static void format_name(char name[TENSOR_NAME], const char *format, va_list list) {
    int length = vsnprintf(name, TENSOR_NAME, format, list);
    if (length < 0 || length >= TENSOR_NAME) bug("a tensor's name is too long: %s", name);
}

void param_name(char name[TENSOR_NAME], const char *format, ...) {
    va_list list;
    va_start(list, format);
    format_name(name, format, list);
    va_end(list);
}

struct weight params_weight(const struct params *params, const char *format, ...) {
    char name[TENSOR_NAME];
    va_list list;
    va_start(list, format);
    format_name(name, format, list);
    va_end(list);
    const struct param *param = params_find(params, name);
    if (!param) bug("no parameter %s", name);
    return weight_at((struct weight){params->value, params->master, params->gradient}, params->ops->dtype,
                     param->offset);
}

struct weight weight_at(struct weight weight, enum dtype dtype, int64_t elements) {
    return (struct weight){(char *)weight.value + elements * (int64_t)dtype_size(dtype), weight.master + elements,
                           weight.gradient ? weight.gradient + elements : NULL};
}

int64_t params_count(const struct params *params) {
    int64_t count = 0;
    for (int i = 0; i < params->count; i++) count += shape_count(params->item[i].shape);
    return count;
}

// Elements first … first + n of one tensor.
static void draw(real *to, const struct param *param, struct random_key key, int64_t first, int64_t n) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        to[i] = (real)(param->mean + param->deviation * random_normal(key, (uint64_t)(first + i)));
}

void params_initialize(struct params *params, uint64_t seed) {
    enum { PIECE = 1 << 20 }; // elements; bounds the host's copy
    real *piece = xmalloc(PIECE * sizeof *piece);
    for (int t = 0; t < params->count; t++) {
        const struct param *param = &params->item[t];
        struct random_key key = random_key(seed, param->name);
        int64_t count = shape_count(param->shape);
        for (int64_t first = 0; first < count; first += PIECE) {
            int64_t n = count - first < PIECE ? count - first : PIECE;
            draw(piece, param, key, first, n);
            params->ops->upload(params->ops, params->master + param->offset + first, piece, (size_t)n * sizeof *piece);
        }
    }
    free(piece);
    params_zero_gradient(params);
    params_refresh(params);
}

void params_refresh(struct params *params) {
    struct ops *ops = params->ops;
    if (params->value != params->master)
        ops->convert(ops, params->value, ops->dtype, params->master, DT_REAL, params->elements);
    ops->weights_changed(ops);
}

void params_zero_gradient(struct params *params) {
    if (params->gradient) params->ops->zero(params->ops, params->gradient, (size_t)params->elements * sizeof(real));
}
