// The commands of coca-pack, one file each.
#pragma once

#include "stage/command.h"

int pack_main(const struct command *command, int argc, char **argv);
int index_main(const struct command *command, int argc, char **argv);
int formats_main(const struct command *command, int argc, char **argv);
int list_main(const struct command *command, int argc, char **argv);
int show_main(const struct command *command, int argc, char **argv);
int extract_main(const struct command *command, int argc, char **argv);
int verify_main(const struct command *command, int argc, char **argv);
int export_main(const struct command *command, int argc, char **argv);
int answers_main(const struct command *command, int argc, char **argv);
int dedup_main(const struct command *command, int argc, char **argv);
int shuffle_main(const struct command *command, int argc, char **argv);

#define PACK_MANUAL_EXIT "Exit codes: 0 done, 1 disk full or unwritable, 2 bad usage, 3 bad input or a damaged dataset."
