// Data messages that a stage makes from one that it took.
#pragma once

#include "train/follower.h"

// A message for the same samples: unit, M, ids and names; drops too, which in training travel with the norm.
struct message *output_new(const struct work *work, const struct message *input);

// A tensor of `rows` samples of the message: 0, or -exit_code when shape, dtype or the number of samples do not fit the
// run. In training every microbatch is whole; elsewhere it may be short.
int input_tensor(const struct work *work, const struct message *input, const char *name, enum dtype dtype,
                 struct shape shape, const void **data);
