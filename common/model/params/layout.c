// Makes the table of a part's parameters: a part's own layout function calls the adding functions here, which give each
// tensor its place in the blocks. Towers, optimizers and files find tensors in it by name. No memory for values is
// touched: that is params.c's.
#include "model/params/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/params/params.h"

static void align(struct params *params) {
    params->elements = params_aligned(params->elements);
}

struct params *params_layout(const struct model_config *config, const struct model_part *part) {
    struct params *params = xcalloc(1, sizeof *params);
    params->part = part;
    params_layout_place(params, GROUP_NEVER_LOCKED, 0);
    part->layout(params, config);
    align(params);
    params_layout_deal(params, 0, 1);
    return params;
}

int64_t param_outputs(const struct param *param) {
    return param->shape.dim[param->layout == WEIGHT_OUT_IN ? 0 : param->shape.rank - 1];
}

// Bytes lie without gaps, so that those of adjacent weights, and their scales, still are adjacent.
struct params *params_layout_narrow(const struct model_config *config, const struct model_part *part) {
    struct params *params = params_layout(config, part);
    params->elements = 0;
    for (int i = 0; i < params->count; i++) {
        struct param *param = &params->item[i];
        if (param->linear) {
            param->offset = params->bytes;
            param->scale = params->scales;
            params->bytes += shape_count(param->shape);
            params->scales += param_outputs(param);
        } else {
            align(params);
            param->offset = params->elements;
            params->elements += shape_count(param->shape);
        }
        param->own = param->master = param->offset;
    }
    align(params);
    params->own_elements = params->master_elements = params->elements;
    return params;
}

const struct param *params_find(const struct params *params, const char *name) {
    for (int i = 0; i < params->count; i++)
        if (!strcmp(params->item[i].name, name)) return &params->item[i];
    return NULL;
}

int64_t params_count(const struct params *params) {
    int64_t count = 0;
    for (int i = 0; i < params->count; i++) count += shape_count(params->item[i].shape);
    return count;
}

int64_t params_linear_count(const struct params *params) {
    int64_t count = 0;
    for (int i = 0; i < params->count; i++)
        if (params->item[i].linear) count += shape_count(params->item[i].shape);
    return count;
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

void params_layout_tower(struct params *params, int groups, int top) {
    params->groups = groups;
    params->top = top;
}

void params_layout_place(struct params *params, int group, int layer) {
    params->next_group = group;
    params->next_layer = layer;
}

// At the end of the table; offsets go on where the last tensor ends.
static struct param *append(struct params *params, struct shape shape, double deviation, const char *format,
                            va_list list) {
    params->item = xrealloc_array(params->item, (size_t)params->count + 1, sizeof *params->item);
    struct param *param = &params->item[params->count++];
    *param = (struct param){.shape = shape,
                            .offset = params->elements,
                            .group = params->next_group,
                            .layer = params->next_layer,
                            .rate = 1,
                            .deviation = deviation};
    format_name(param->name, format, list);
    params->elements += shape_count(shape);
    return param;
}

void params_layout_add_adjacent(struct params *params, struct shape shape, double deviation, const char *format, ...) {
    va_list list;
    va_start(list, format);
    struct param *param = append(params, shape, deviation, format, list);
    va_end(list);
    param->decay = param->linear = param->adjacent = true;
}

void params_layout_add_linear(struct params *params, struct shape shape, double deviation, const char *format, ...) {
    va_list list;
    va_start(list, format);
    align(params);
    struct param *param = append(params, shape, deviation, format, list);
    va_end(list);
    param->decay = param->linear = true;
}

void params_layout_add_matrix(struct params *params, struct shape shape, double deviation, const char *format, ...) {
    va_list list;
    va_start(list, format);
    align(params);
    struct param *param = append(params, shape, deviation, format, list);
    va_end(list);
    param->decay = param->linear = true;
    param->layout = WEIGHT_IN_OUT;
}

void params_layout_add_table(struct params *params, struct shape shape, double deviation, enum positions positions,
                             const char *format, ...) {
    va_list list;
    va_start(list, format);
    align(params);
    struct param *param = append(params, shape, deviation, format, list);
    va_end(list);
    param->decay = true;
    param->positions = positions;
}

struct param *params_layout_add(struct params *params, struct shape shape, double mean, double deviation,
                                const char *format, ...) {
    va_list list;
    va_start(list, format);
    align(params);
    struct param *param = append(params, shape, deviation, format, list);
    va_end(list);
    param->mean = mean;
    return param;
}

void params_layout_add_norm(struct params *params, int64_t D, const char *format, ...) {
    char name[TENSOR_NAME];
    va_list list;
    va_start(list, format);
    format_name(name, format, list);
    va_end(list);
    params_layout_add(params, SHAPE(D), 1, 0, "%s.weight", name)->whole = true;
    params_layout_add(params, SHAPE(D), 0, 0, "%s.bias", name)->whole = true;
}
