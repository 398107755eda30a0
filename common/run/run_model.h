// The model and the vocabulary that a process works with: the run's own copies, or those that the options name.
#pragma once

#include "model/params/config.h"
#include "stage/option.h"

// Reads the configuration. 0 or -exit_code.
int run_model_read(struct model_config *config);
// The path of the vocabulary, which the caller frees; NULL when none is known.
char *run_tokenizer(void);

// What a stage without parameters does in its `prepare`: reads run.json and the configuration, and tells the skeleton
// what run and model this process belongs to. `table` is the copy of run_options_table among the stage's tables, which
// alone knows what was given. 0 or -exit_code.
int run_join(struct model_config *config, const struct option_table *table);
