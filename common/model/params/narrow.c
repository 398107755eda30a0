// Keeps the weights of linear maps in a quarter of their size, for stages that only compute forward: params.c asks here
// for what is kept in bytes. Values come as f32, into room for the largest of these tensors, and are made bytes there
// and then; the f32 of a whole model never lie in memory.
#include "model/params/narrow.h"

#include <stdlib.h>

#include "base/memory.h"

struct narrow {
    int8_t *value;
    real *scale;
    int64_t largest;
    real *arriving; // [largest], the values of one tensor; NULL when none arrives
};

static int64_t largest_of(const struct params *params) {
    int64_t largest = 0;
    for (int i = 0; i < params->count; i++) {
        int64_t count = shape_count(params->item[i].shape);
        if (params->item[i].linear && count > largest) largest = count;
    }
    return largest;
}

struct narrow *narrow_new(struct ops *ops, const struct params *params) {
    struct narrow *narrow = xcalloc(1, sizeof *narrow);
    narrow->value = ops_allocate(ops, (size_t)params->bytes);
    narrow->scale = ops_allocate(ops, (size_t)params->scales * sizeof *narrow->scale);
    narrow->largest = largest_of(params);
    return narrow;
}

void narrow_free(struct narrow **narrow, struct ops *ops) {
    ops_release(ops, (*narrow)->value);
    ops_release(ops, (*narrow)->scale);
    narrow_settled(*narrow, ops);
    free(*narrow);
    *narrow = NULL;
}

int64_t narrow_bytes(const struct params *params) {
    return params->bytes + (params->scales + largest_of(params)) * (int64_t)sizeof(real);
}

struct weight narrow_weight(const struct narrow *narrow, const struct param *param) {
    return (struct weight){narrow->value + param->offset, NULL, NULL, narrow->scale + param->scale};
}

real *narrow_destination(struct narrow *narrow, struct ops *ops) {
    if (!narrow->arriving) narrow->arriving = ops_allocate(ops, (size_t)narrow->largest * sizeof *narrow->arriving);
    return narrow->arriving;
}

void narrow_settle(struct narrow *narrow, struct ops *ops, const struct param *param) {
    int64_t outputs = param_outputs(param), inputs = shape_count(param->shape) / outputs;
    ops->quantize(ops, narrow->value + param->offset, narrow->scale + param->scale, narrow->arriving,
                  (struct linear_shape){0, inputs, outputs, param->layout, NULL});
}

void narrow_settled(struct narrow *narrow, struct ops *ops) {
    if (narrow->arriving) ops_release(ops, narrow->arriving);
    narrow->arriving = NULL;
}
