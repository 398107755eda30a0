// coca-pack: pictures with texts into datasets, and out again. `coca-pack COMMAND --help` is the manual page of each
// command, and stages/coca-pack/COMMAND.c its source. It is a tool, no stage: nobody connects to it, and it ends when
// its work is done.
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "coca-pack/commands.h"

static const struct command commands[] = {
    {"pack", &pack_tool, NULL},       {"formats", &formats_tool, NULL},
    {"list", &list_tool, NULL},       {"show", &show_tool, NULL},
    {"extract", &extract_tool, NULL}, {"verify", &verify_tool, NULL},
    {"export", &export_tool, NULL},   {0},
};

static const struct program program = {
    .name = "coca-pack",
    .summary = "datasets from pictures with texts, looks inside them, and back",
    .manual = "Options alone are those of pack: coca-pack --from folder pictures --to data/mine",
    .commands = commands,
};

static void end_cleanly(int signal) {
    (void)signal;
    _exit(0);
}

// Options without a command are pack's, except the two that every program has.
static bool is_pack(const char *word) {
    return !strncmp(word, "--", 2) && strcmp(word, "--help") && strcmp(word, "--version");
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "C.UTF-8"); // libarchive converts names of members
    signal(SIGPIPE, end_cleanly);   // `coca-pack list … | head` is no failure
    if (argc > 1 && is_pack(argv[1])) return tool_main(&pack_tool, argc, argv);
    return program_main(&program, argc, argv);
}
