// coca-tap: looks at, records, replays, compares, imports and exports the messages of one edge.
// `coca-tap COMMAND --help` is the manual page of each command, and stages/coca-tap/COMMAND.c its source.
#include "coca-tap/tap.h"

static const struct command commands[] = {
    {"watch", NULL, &watch_stage},   {"record", NULL, &record_stage},
    {"replay", NULL, &replay_stage}, {"diff", &diff_tool, NULL},
    {"export", &export_tool, NULL},  {"import", &import_tool, NULL},
    {"keys", &keys_tool, NULL},      {0},
};

static const struct program program = {
    .name = "coca-tap",
    .summary = "looks at, records, replays, compares, imports and exports the messages of one edge",
    .manual =
        "A recording is a file or pipe with the messages of one edge, as --record EDGE=FILE of any stage writes it\n"
        "and file:FILE or - as an edge's address reads it. Look at a running job:\n"
        "  mkfifo f; coca-tap watch f & pipelines/train.sh --record images=$PWD/f ...\n"
        "See what a worker makes, without a consumer:\n"
        "  coca-decode --images ipc://x ... & coca-tap watch --edge images --steps 1 --microbatch 8 ipc://x",
    .commands = commands,
};

int main(int argc, char **argv) {
    return program_main(&program, argc, argv);
}
