// The commands of coca-score, one file each.
#pragma once

#include "stage/command.h"

int prompts_main(const struct command *command, int argc, char **argv);
int zero_shot_main(const struct command *command, int argc, char **argv);
int retrieval_main(const struct command *command, int argc, char **argv);
int embed_main(const struct command *command, int argc, char **argv);
int probe_main(const struct command *command, int argc, char **argv);
int task_main(const struct command *command, int argc, char **argv);
int head_main(const struct command *command, int argc, char **argv);
int neighbours_main(const struct command *command, int argc, char **argv);
int captions_main(const struct command *command, int argc, char **argv);
int metrics_main(const struct command *command, int argc, char **argv);
int clip_score_main(const struct command *command, int argc, char **argv);
int meteor_data_main(const struct command *command, int argc, char **argv);
