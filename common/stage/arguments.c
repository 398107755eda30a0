// How every program reads its command line, stage_main and tool_main alike: the program's own tables with those that
// all share, --help, --help-all and --version answered, the rest parsed by option.c. What a value means is its owner's.
#include "stage/arguments.h"

#include <stdio.h>

#include "base/fail.h"
#include "stage/option_rows.h"
#include "stage/stage.h"

#define FIELD(member) offsetof(struct arguments, member)
static const struct option about_rows[] = {
    FLAG("help", help, "prints this page", OPTION_LOCAL),
    FLAG("help-all", help_all, "the same, with options that are taken and not used here", OPTION_LOCAL),
    FLAG("version", version, "prints the version", OPTION_LOCAL),
};

static void add_table(struct arguments *arguments, struct option_table *table) {
    if (arguments->count == ARGUMENTS_TABLES) bug("more than %d option tables", (int)ARGUMENTS_TABLES);
    arguments->table[arguments->count++] = table;
}

static void print_help(const struct arguments *arguments, const struct manual *manual) {
    struct buffer text = {0};
    buffer_format(&text, "%s: %s\n\nUsage: %s [--OPTION [VALUE]]...%s%s\n", manual->name, manual->summary, manual->name,
                  manual->operands ? " " : "", manual->operands ? manual->operands : "");
    if (manual->text) buffer_format(&text, "\n%s\n", manual->text);
    options_help(arguments->table, arguments->help_all, &text);
    fputs(text.bytes, stdout);
    buffer_release(&text);
}

int arguments_read(struct arguments *arguments, const struct manual *manual, struct option_table *const *tables,
                   struct option_table *common, int argc, char **argv) {
    *arguments = (struct arguments){.about = OPTION_TABLE(about_rows, arguments)};
    for (; tables && *tables; tables++) add_table(arguments, *tables);
    if (common) add_table(arguments, common);
    add_table(arguments, &arguments->about);
    options_defaults(arguments->table);
    int status = options_parse(arguments->table, argc, argv, manual->operands ? &arguments->operands : NULL);
    if (status) return status;
    const bool help = arguments->help || arguments->help_all;
    if (help) print_help(arguments, manual);
    if (arguments->version) printf("%s %s\n", manual->name, COCAFLOW_VERSION);
    return help || arguments->version ? ARGUMENTS_ANSWERED : 0;
}

void arguments_release(struct arguments *arguments) {
    options_release(arguments->table);
    strings_release(&arguments->operands);
}
