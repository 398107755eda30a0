// Programs with sub-commands, and programs that talk to nobody: option tables and --help without a hub.
#pragma once

#include "stage/stage.h"

// A command that works on files. It shares the stages' manners: options from tables, --help, --version, exit codes.
struct tool {
    const char *name;            // as typed: "coca-pack export"
    const char *summary;         // one line
    const char *manual;          // paragraphs of --help
    struct option_table *tables; // may be NULL
    int table_count;
    const char *operands;                       // their name in --help, NULL: none are taken
    int (*run)(const struct strings *operands); // 0 or -exit_code
};
int tool_main(const struct tool *tool, int argc, char **argv); // the exit code

// `program WORD …` runs one of these; exactly one of tool and stage is set.
struct command {
    const char *word;
    const struct tool *tool;
    const struct stage *stage; // a command that needs a hub; its name is "coca-tap watch"
};
struct program {
    const char *name, *summary, *manual;
    const struct command *commands; // ended by a row without a word
};
int program_main(const struct program *program, int argc, char **argv); // the exit code
