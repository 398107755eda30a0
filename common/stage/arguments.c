#include "stage/arguments.h"

#include <stdio.h>

#include "base/fail.h"
#include "stage/stage.h"

static const struct option about_rows[] = {
    {"help", OPTION_FLAG, offsetof(struct arguments, help), NULL, NULL, 0, 0, "prints this page", OPTION_LOCAL},
    {"version", OPTION_FLAG, offsetof(struct arguments, version), NULL, NULL, 0, 0, "prints the version", OPTION_LOCAL},
};

static void add_table(struct arguments *arguments, const struct option_table *table) {
    if (arguments->count == ARGUMENTS_TABLES) bug("more than %d option tables", (int)ARGUMENTS_TABLES);
    arguments->table[arguments->count++] = *table;
}

static void print_help(const struct arguments *arguments, const struct manual *manual) {
    struct buffer text = {0};
    buffer_format(&text, "%s: %s\n\nUsage: %s [--OPTION [VALUE]]...%s%s\n", manual->name, manual->summary, manual->name,
                  manual->operands ? " " : "", manual->operands ? manual->operands : "");
    if (manual->text) buffer_format(&text, "\n%s\n", manual->text);
    options_help(arguments->table, arguments->count, &text);
    fputs(text.bytes, stdout);
    buffer_release(&text);
}

int arguments_read(struct arguments *arguments, const struct manual *manual, struct option_table *tables, int count,
                   struct option_table *common, int argc, char **argv) {
    const struct option_table about = {about_rows, sizeof about_rows / sizeof *about_rows, arguments, NULL};
    *arguments = (struct arguments){0};
    for (int i = 0; i < count; i++) add_table(arguments, &tables[i]);
    if (common) add_table(arguments, common);
    add_table(arguments, &about);
    options_defaults(arguments->table, arguments->count);
    // Stages ask option_given() of their own tables: these share the marks.
    for (int i = 0; i < count; i++) tables[i].given = arguments->table[i].given;
    if (common) common->given = arguments->table[count].given;

    int status =
        options_parse(arguments->table, arguments->count, argc, argv, manual->operands ? &arguments->operands : NULL);
    if (status) return status;
    if (arguments->help) print_help(arguments, manual);
    if (arguments->version) printf("%s %s\n", manual->name, COCAFLOW_VERSION);
    return arguments->help || arguments->version ? ARGUMENTS_ANSWERED : 0;
}

void arguments_release(struct arguments *arguments) {
    options_release(arguments->table, arguments->count);
    strings_release(&arguments->operands);
}
