// Option tables: parsing, --help and JSON, all from one table.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

enum option_kind {
    OPTION_TEXT,   // char *, owned by the table's settings; NULL when not given and without default
    OPTION_INT,    // int64_t
    OPTION_REAL,   // double
    OPTION_FLAG,   // bool; --name, or --no-name; as a default "true" or "false"
    OPTION_CHOICE, // int: index into the words of `argument`, "mean|sum"
    OPTION_LIST,   // struct strings: every occurrence adds one; the first on the command line drops what was there
};

enum option_mark {
    OPTION_IDENTITY = 1, // a run resumes only with the same value (exit 2 otherwise)
    OPTION_LOCAL = 2,    // of this process: not kept in run.json
    OPTION_OUTPUT = 4,   // a file that will be written, in a list behind the '=' of each item (options_check_outputs)
};
#define OPTION_LETTER(letter) ((unsigned)(letter) << 8) // a mark of a flag: -LETTER means the same

struct option {
    const char *name; // without dashes; a row without a name but with help is a heading of --help
    enum option_kind kind;
    size_t offset;        // of the field in the settings
    const char *argument; // its name in --help, with the unit: "SECONDS"; the words of a choice.
                          // An OPTION_INT of "BYTES" takes suffixes K, M, G, T (powers of 1024)
    const char *fallback; // default, as typed; NULL: none (0, false, NULL)
    double low, high;     // bounds of numbers, both included; both 0: unbounded
    const char *help;     // what it does; default and bounds are added by --help
    unsigned marks;
};

// A table with the settings that it fills; whoever has the settings has the table too. `given[i]` tells whether row i
// was on the command line.
struct option_table {
    const struct option *option;
    int count;
    void *settings;
    const char *used; // names of the rows that this program uses, with blanks between; NULL: all
    bool *given;      // allocated by options_defaults
};
#define OPTION_TABLE(rows, owner)                                                                                      \
    ((struct option_table){.option = (rows), .count = sizeof(rows) / sizeof *(rows), .settings = (owner)})

// Several tables, here and below, are pointers to them, ended by NULL.
//
// Sets every default. Call once, before anything else. A name that occurs twice is a bug(), and so is one that is used
// and stands in no row.
void options_defaults(struct option_table *const *tables);
// Fills from a JSON object what it holds, except rows given on the command line; unknown keys, wrong types, bounds:
// -EXIT_DATA naming `where`.
int options_from_json(struct option_table *table, const json_t *object, const char *where);
json_t *options_to_json(const struct option_table *table); // new reference; OPTION_LOCAL rows left out

// --name VALUE, --name=VALUE, -LETTER; `--` ends options; what is no option goes to `operands`, or is refused when that
// is NULL. -EXIT_USAGE with the nearest known name for an unknown option.
int options_parse(struct option_table *const *tables, int argc, char **argv, struct strings *operands);
bool option_given(const struct option_table *table, const void *field); // a pointer into the settings
// Says before any work when a file that an option names cannot be written. 0 or -EXIT_RUN.
int options_check_outputs(struct option_table *const *tables);
void options_release(struct option_table *const *tables);

// Appends a line or a few for each row that is used, or for `all`, under its heading. A table that does not begin with
// one stands under "Options".
void options_help(struct option_table *const *tables, bool all, struct buffer *text);
