// A program's arguments: its own tables, the skeleton's, and --help, --help-all and --version. Private to the room.
#pragma once

#include "stage/option.h"

// What --help says around the options.
struct manual {
    const char *name, *summary, *text;
    const char *operands; // their name, NULL: none are taken
};

enum { ARGUMENTS_TABLES = 8 };
struct arguments {
    struct option_table *table[ARGUMENTS_TABLES + 1]; // ended by NULL
    int count;
    struct option_table about; // of the three below
    bool help, help_all, version;
    struct strings operands;
};

enum { ARGUMENTS_ANSWERED = 1 }; // --help or --version was asked for and printed

// Sets the defaults of `tables` (ended by NULL, or NULL) and of `common` (which may be NULL) and reads the command line
// into them. 0, ARGUMENTS_ANSWERED or -EXIT_USAGE; arguments_release in any case, which gives the settings back.
int arguments_read(struct arguments *arguments, const struct manual *manual, struct option_table *const *tables,
                   struct option_table *common, int argc, char **argv);
void arguments_release(struct arguments *arguments);
