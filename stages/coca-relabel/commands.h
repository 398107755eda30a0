// The commands of coca-relabel, each of which hands itself to tool_main or stage_main.
#pragma once

#include "stage/command.h"

int run_main(const struct command *command, int argc, char **argv);
int status_main(const struct command *command, int argc, char **argv);
int page_main(const struct command *command, int argc, char **argv);
