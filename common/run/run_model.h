// The model and the vocabulary that a process works with: the run's own copies, or those that the options name.
#pragma once

#include "run/run.h"

// Reads the configuration; run_join does. 0 or -exit_code.
int run_model_read(const struct run *run, struct model_config *config);
// The path of the vocabulary, which the caller frees; NULL when none is known.
char *run_tokenizer(const struct run *run);
