#pragma once
#include "model/params/params.h"
void gradient_squares(const struct params *params, double *squares);
void *params_exchanged(const struct params *params, const struct param *param, size_t *bytes);
void params_values_changed(struct params *params);
