// coca-score prompts: the texts of a zero-shot classifier as lines, which coca-tokenize reads as a list. A process of
// its own, since the texts go through the same encoder as all others.
#include "classes.h"
#include "commands.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Prints the prompts of a zero-shot classifier on stdout, one a line: every template with the first class's\n"
    "name, then with the second's; or the prompts that a JSON file has for the first class, then for the second. \n"
    "`coca-tokenize --list` makes the tokens of them, and `coca-score zero-shot` expects their embeddings in this\n"
    "order.\n"
    "\n"
    "Example:\n"
    "  coca-score prompts --data data/fashion-mnist/test >prompts.txt";

struct prompts {
    struct {
        char *data;
        bool null;
    } own;
    struct classes_options classes;
};

#define FIELD(member) offsetof(__typeof__(((struct prompts *)0)->own), member)
static const struct option rows[] = {
    TEXT("data", data, "DIR", NULL, "the dataset, with classnames.txt and zeroshot_classification_templates.txt",
         OPTION_LOCAL),
    FLAG("null", null, "end prompts with NUL bytes, for `coca-tokenize --list FILE --null`",
         OPTION_LOCAL | OPTION_LETTER('0')),
};

static int run(void *context, const struct strings *operands) {
    const struct prompts *prompts = context;
    struct classes classes = {0};
    (void)operands;
    int status = classes_read(&classes, &prompts->classes, prompts->own.data);
    if (!status) classes_print(&classes, prompts->own.null ? 0 : '\n');
    classes_release(&classes);
    return status;
}

int prompts_main(const struct command *command, int argc, char **argv) {
    struct prompts prompts = {.own = {NULL}};
    struct option_table own = OPTION_TABLE(rows, &prompts.own), classes = classes_options_table(&prompts.classes);
    struct option_table *const tables[] = {&own, &classes, NULL};
    const struct tool tool = {.name = "coca-score prompts",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .context = &prompts,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
