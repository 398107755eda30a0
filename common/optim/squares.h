// Σ g² of a part's gradients, tensor by tensor. Added up in the table's order they have the same bits however the
// tensors are divided among ranks.
#pragma once

#include "model/params/params.h"

// Fills squares[params->count]: of own tensors, and 0 for others'.
void gradient_squares(const struct params *params, double *squares);
double squares_total(const struct params *params, const double *squares);
// The name of the first tensor whose gradient is not finite, or "".
const char *squares_bad(const struct params *params, const double *squares);
