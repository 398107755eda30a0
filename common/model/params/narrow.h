// Weights of linear maps as int8 with a scale for each output, beside a part's blocks.
#pragma once

#include "model/params/params.h"

struct narrow *narrow_new(struct ops *ops, const struct params *params); // laid out by params_layout_narrow
void narrow_free(struct narrow **narrow, struct ops *ops);
int64_t narrow_bytes(const struct params *params); // of memory, at most

struct weight narrow_weight(const struct narrow *narrow, const struct param *param);

// As params_destination and params_settle, for a weight that is kept here; narrow_settled when all are.
real *narrow_destination(struct narrow *narrow, struct ops *ops);
void narrow_settle(struct narrow *narrow, struct ops *ops, const struct param *param);
void narrow_settled(struct narrow *narrow, struct ops *ops);
