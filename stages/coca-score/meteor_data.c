// coca-score meteor-data: METEOR's own files as one that is mapped, made once (data/meteor.sh).

#include "commands.h"
#include "meteor_source.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Writes what METEOR 1.5 knows of English as one file, which `coca-score metrics` maps: no time goes into loading.\n"
    "--from is a folder with METEOR's own files as they lie in its jar and beside it: function/english.words,\n"
    "nonbreaking/english.prefixes, synonym/english.synsets, synonym/english.exceptions and data/paraphrase-en.gz.\n"
    "data/meteor.sh fetches them.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data.\n"
    "\n"
    "Example:\n"
    "  coca-score meteor-data --from meteor-1.5 --to data/meteor/english.meteor";

struct own {
    char *from, *to;
};

#define FIELD(member) offsetof(struct own, member)
static const struct option rows[] = {
    TEXT("from", from, "DIR", NULL, "METEOR's files", OPTION_LOCAL),
    TEXT("to", to, "FILE", NULL, "what metrics --meteor-data takes", OPTION_LOCAL | OPTION_OUTPUT),
};

static int run(void *context, const struct strings *operands) {
    const struct own *own = context;
    struct meteor_made made = {.mark = NULL};
    (void)operands;
    if (!own->from || !own->to) return error(EXIT_USAGE, "--from DIR and --to FILE say what is made of what");
    int status = meteor_source_read(&made, own->from);
    if (!status) status = meteor_made_write(&made, own->to);
    if (!status)
        note("%s: %zu words, %zu phrases, %zu paraphrases", own->to, made.words.count, made.phrases.count,
             made.pairs[METEOR_PARAPHRASES].count);
    meteor_made_release(&made);
    return status;
}

int meteor_data_main(const struct command *command, int argc, char **argv) {
    struct own own = {.from = NULL};
    struct option_table table = OPTION_TABLE(rows, &own);
    struct option_table *const tables[] = {&table, NULL};
    const struct tool tool = {.name = "coca-score meteor-data",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .context = &own,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
