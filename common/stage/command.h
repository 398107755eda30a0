// Programs with sub-commands, and programs that talk to nobody: option tables and --help without a hub.
#pragma once

#include "stage/stage.h"

// A command that works on files. It shares the stages' manners: options from tables, --help, --version, exit codes.
struct tool {
    const char *name;                   // as typed: "coca-pack export"
    const char *summary;                // one line
    const char *manual;                 // paragraphs of --help
    struct option_table *const *tables; // ended by NULL; or NULL
    const char *operands;               // their name in --help, NULL: none are taken
    void *context;
    int (*run)(void *context, const struct strings *operands); // 0 or -exit_code
};
int tool_main(const struct tool *tool, int argc, char **argv); // the exit code

// `program WORD …` runs one of these: a function that makes what the command works with, and hands it to tool_main or,
// where the command needs a hub, to stage_main.
struct command {
    const char *word, *summary;
    int (*main)(const struct command *command, int argc, char **argv); // the exit code
};
struct program {
    const char *name, *summary, *manual;
    const struct command *commands; // ended by a row without a word
};
int program_main(const struct program *program, int argc, char **argv); // the exit code
