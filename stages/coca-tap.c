// coca-tap: looks at, records, replays, compares, imports and exports the messages of one edge.
// `coca-tap COMMAND --help` is the manual page of each command, and stages/coca-tap/COMMAND.c its source.
#include "coca-tap/tap.h"

static const struct command commands[] = {
    {"watch", "prints a line for each message of a recording, a pipe or an edge", watch_main},
    {"record", "asks the workers of a pulled edge and writes what they answer to a file", record_main},
    {"replay", "a worker that answers a consumer from a recording", replay_main},
    {"diff", "compares two recordings, or two .safetensors; exit 0: equal, 1: different", diff_main},
    {"export", "a recording's tensors as safetensors or npy, or its texts as lines", export_main},
    {"import", "cuts the tensors of a safetensors file into an edge's microbatches", import_main},
    {"keys", "makes a folder of CURVE keys for --keys", keys_main},
    {NULL, NULL, NULL},
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
