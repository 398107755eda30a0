// The commands of coca-score, one file each. Each function fills its option tables and returns its description.
#pragma once

#include "stage/command.h"

const struct tool *prompts_command(void);
const struct stage *zero_shot_command(void);
const struct stage *retrieval_command(void);
const struct stage *embed_command(void);
const struct stage *captions_command(void);
