// coca-pack index: a dataset whose pictures stay in their tar shards. Samples go the same way as those of `pack`, with
// their origin (dataset/import/in_place.c), and what is written is texts and places (dataset/store_writer.c).
#include <stdlib.h>

#include "answer_list.h"
#include "base/fail.h"
#include "commands.h"
#include "dataset/import/shards.h"
#include "packing.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Writes a dataset whose records lie in tar shards where they are, local ones (paths), or http://, https:// and s3://\n"
    "objects. It opens wherever a dataset opens, and where the shards were scanned it has the fingerprint of what `pack`\n"
    "makes of them: training has the same bits. SHARDS is a path, url or pattern (*.tar); several may be given, joined by\n"
    "\"::\" too, and {00000..00329} is a range. Compressed tars, and what comes through a pipe, have no places: pack them.\n"
    "\n"
    "A shard is scanned, every picture decoded, and what is not fit is left out and listed in dropped.jsonl, as by `pack`;\n"
    "--no-verify leaves the decoding out. But where an index file lies beside it, DALI's X.idx, Megatron Energon's\n"
    "X.tar.idx or webshart's X.json, that is taken and the shard is not read: pictures are then first looked at when they\n"
    "are trained on. --scan ignores such files. An index file may be named instead of its shard, and a list of shards\n"
    "(wids) instead of them all, whose sizes and counts are compared. NNNNN_stats.json of img2dataset is, too.\n"
    "\n"
    "Examples:\n"
    "  coca-pack index 'shards/*.tar' --to data/laion\n"
    "  coca-pack index 'http://host/cc3m/{00000..00329}.tar' --image-key jpg --text-key txt --to data/cc3m\n"
    "\n" PACK_MANUAL_EXIT;

struct index_job {
    struct packing_options all;
    bool scan, skip_bad_shards;
};

#define FIELD(member) offsetof(struct index_job, member)
static const struct option rows[] = {
    FLAG("scan", scan, "read the shards, whatever index files lie beside them", 0),
    FLAG("skip-bad-shards", skip_bad_shards,
         "leave out shards that are cut, compressed or gone, by name; each is read twice", 0),
};

static int index_all(const struct index_job *job, const struct shards *shards) {
    struct strings paths = {0};
    const struct packing_order order = {
        .options = &job->all,
        .format = &import_in_place,
        .min_answers = strtol(ANSWERS_LEAST, NULL, 10),
        .import = {.shards = shards, .scan = job->scan, .skip_bad = job->skip_bad_shards},
    };
    for (size_t i = 0; i < shards->count; i++) strings_add_text(&paths, shards->shard[i]->path);
    int status = packing_run(&order, &paths);
    strings_release(&paths);
    return status;
}

static int run(void *context, const struct strings *operands) {
    struct shards shards = {0};
    int status = operands->count ? 0 : error(EXIT_USAGE, "which shards? Give their paths, urls or a pattern");
    for (size_t i = 0; i < operands->count && !status; i++) status = shards_add(&shards, operands->item[i]);
    if (!status) status = index_all(context, &shards);
    shards_release(&shards);
    return status;
}

int index_main(const struct command *command, int argc, char **argv) {
    struct index_job job = {.scan = false};
    struct option_table own = OPTION_TABLE(rows, &job), all = packing_option_table(&job.all);
    struct option_table *const tables[] = {&all, &own, NULL};
    const struct tool tool = {.name = "coca-pack index",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "SHARDS...",
                              .context = &job,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
