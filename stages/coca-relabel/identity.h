// What the captions of a job depend on besides the pictures.
#pragma once

#include <jansson.h>

#include "run/run.h"

// Adds to `settings` what tells the model: the sums of its weights, configuration and vocabulary. 0 or -exit_code.
int identity_add_model(json_t *settings, const struct run *run);
// How it is computed: precision, microbatch, kind of device, instructions.
void identity_add_numerics(json_t *settings, const struct run *run);
