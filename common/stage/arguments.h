// A program's arguments: its own tables, the skeleton's, and --help and --version. Private to the room.
#pragma once

#include "stage/option.h"

// What --help says around the options.
struct manual {
    const char *name, *summary, *text;
    const char *operands; // their name, NULL: none are taken
};

enum { ARGUMENTS_TABLES = 8 };
struct arguments {
    struct option_table table[ARGUMENTS_TABLES];
    int count;
    struct strings operands;
    bool help, version;
};

enum { ARGUMENTS_ANSWERED = 1 }; // --help or --version was asked for and printed

// Sets the defaults of `tables` and of `common` (which may be NULL) and reads the command line into them; each table's
// `given` is filled in. 0, ARGUMENTS_ANSWERED or -EXIT_USAGE; arguments_release in any case.
int arguments_read(struct arguments *arguments, const struct manual *manual, struct option_table *tables, int count,
                   struct option_table *common, int argc, char **argv);
void arguments_release(struct arguments *arguments);
