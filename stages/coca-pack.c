// coca-pack: pictures with texts into datasets, and out again. `coca-pack COMMAND --help` is the manual page of each
// command, and stages/coca-pack/COMMAND.c its source. It is a tool, no stage: nobody connects to it, and it ends when
// its work is done.
#include <locale.h>
#include <string.h>

#include "coca-pack/commands.h"

static const struct command commands[] = {
    {"pack", "writes a dataset from pictures with texts", pack_main},
    {"index", "writes a dataset whose pictures stay in their tar shards", index_main},
    {"formats", "lists the formats that pack reads, with their default keys", formats_main},
    {"list", "prints a line per record, or all captions", list_main},
    {"show", "prints a dataset or one record as JSON", show_main},
    {"extract", "writes one picture as it was packed", extract_main},
    {"verify", "checks that a dataset is whole and every record fit", verify_main},
    {"export", "writes a dataset as a tar of pictures and texts", export_main},
    {"answers", "prints the answer list of several datasets", answers_main},
    {"dedup", "lists records whose pictures others show too", dedup_main},
    {"shuffle", "prints how far apart an order sets what lies side by side", shuffle_main},
    {NULL, NULL, NULL},
};

static const struct program program = {
    .name = "coca-pack",
    .summary = "datasets from pictures with texts, looks inside them, and back",
    .manual = "Options alone are those of pack: coca-pack --from folder pictures --to data/mine",
    .commands = commands,
};

// Options without a command are pack's, except the two that every program has.
static bool is_pack(const char *word) {
    return !strncmp(word, "--", 2) && strcmp(word, "--help") && strcmp(word, "--version");
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "C.UTF-8"); // libarchive converts names of members
    if (argc > 1 && is_pack(argv[1])) return pack_main(&commands[0], argc, argv);
    return program_main(&program, argc, argv);
}
