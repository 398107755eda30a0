// coca-score prompts: the texts of a zero-shot classifier as lines, which coca-tokenize reads as a list. A process of
// its own, since the texts go through the same encoder as all others.
#include "classes.h"
#include "commands.h"

static const char manual[] =
    "Prints the prompts of a zero-shot classifier on stdout, one a line: every template with the first class's\n"
    "name, then with the second's; or the prompts that a JSON file has for the first class, then for the second. \n"
    "`coca-tokenize --list` makes the tokens of them, and `coca-score zero-shot` expects their embeddings in this\n"
    "order.\n"
    "\n"
    "Example:\n"
    "  coca-score prompts --data data/fashion-mnist/test >prompts.txt";

static struct { char *data; } own;
static const struct option rows[] = {
    {"data", OPTION_TEXT, offsetof(__typeof__(own), data), "DIR", NULL, 0, 0,
     "the dataset, with classnames.txt and zeroshot_classification_templates.txt", OPTION_LOCAL},
};

enum { OWN, CLASSES, TABLES };
static struct option_table tables[TABLES] = {[OWN] = {rows, sizeof rows / sizeof *rows, &own, NULL}};

static int run(const struct strings *operands) {
    struct classes classes = {0};
    (void)operands;
    int status = classes_read(&classes, own.data);
    if (!status) classes_print(&classes);
    classes_release(&classes);
    return status;
}

const struct tool *prompts_command(void) {
    static const struct tool tool = {.name = "coca-score prompts",
                                     .summary = "prints the prompts of a zero-shot classifier",
                                     .manual = manual,
                                     .tables = tables,
                                     .table_count = TABLES,
                                     .run = run};
    tables[CLASSES] = classes_options_table;
    return &tool;
}
