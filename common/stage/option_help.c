// --help, laid out from the tables: name and argument in a column, help wrapped beside it, default and bounds added, so
// that no page says anything that the rows do not. arguments.c prints it under the program's manual.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "stage/option_value.h"

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

static void add_bounds(struct buffer *text, const struct option *option) {
    if (isinf(option->high))
        buffer_format(text, "at least %.15g", option->low);
    else if (isinf(option->low))
        buffer_format(text, "at most %.15g", option->high);
    else
        buffer_format(text, "%.15g to %.15g", option->low, option->high);
}

// "; default 0.07; 0 to 1" in parentheses behind the help's own words.
static void add_facts(struct buffer *text, const struct option *option) {
    bool bounded = option_is_bounded(option) && (option->kind == OPTION_INT || option->kind == OPTION_REAL);
    bool has_default = option->fallback && option->kind != OPTION_FLAG;
    if (!bounded && !has_default && option->kind != OPTION_LIST) return;
    const char *separator = " (";
    if (has_default) {
        buffer_format(text, "%sdefault %s", separator, *option->fallback ? option->fallback : "\"\"");
        separator = "; ";
    }
    if (bounded) {
        buffer_text(text, separator);
        add_bounds(text, option);
        separator = "; ";
    }
    if (option->kind == OPTION_LIST) buffer_format(text, "%smay be given several times", separator);
    buffer_text(text, ")");
}

static void add_name(struct buffer *line, const struct option *option) {
    bool negatable = option->kind == OPTION_FLAG && option->fallback && strcmp(option->fallback, "true") == 0;
    const unsigned letter = option->marks >> 8;
    if (letter) buffer_format(line, "  -%c,", (int)letter);
    buffer_format(line, "%s--%s%s", letter ? " " : "  ", negatable ? "[no-]" : "", option->name);
    if (option->kind != OPTION_FLAG && option->argument) buffer_format(line, " %s", option->argument);
}

static void add_padding(struct buffer *text, size_t column) {
    buffer_format(text, "%*s", (int)(HELP_COLUMN - column), "");
}

// Appends the words of `help` in lines from HELP_COLUMN to HELP_WIDTH; the text stands at HELP_COLUMN.
static void add_wrapped(struct buffer *text, const char *help) {
    for (size_t column = HELP_COLUMN; *help;) {
        size_t word = strcspn(help, " \n");
        bool fits = column + 1 + word <= HELP_WIDTH;
        if (column > HELP_COLUMN) buffer_text(text, fits ? " " : "\n");
        if (column > HELP_COLUMN && !fits) add_padding(text, 0);
        column = (column == HELP_COLUMN || !fits ? HELP_COLUMN : column + 1) + word;
        buffer_append(text, help, word);
        help += word + strspn(help + word, " \n");
    }
    buffer_text(text, "\n");
}

static void add_row(struct buffer *text, const struct option *option) {
    struct buffer name = {0}, help = {0};
    add_name(&name, option);
    buffer_text(&help, option->help ? option->help : "");
    add_facts(&help, option);
    buffer_append(text, name.bytes, name.size);
    bool beside = name.size + 2 <= HELP_COLUMN;
    if (!beside) buffer_text(text, "\n");
    add_padding(text, beside ? name.size : 0);
    add_wrapped(text, help.bytes);
    buffer_release(&name);
    buffer_release(&help);
}

static bool is_used(const struct option_table *table, const char *name) {
    const size_t length = strlen(name);
    const char *word = table->used;
    while (word && *word && (strncmp(word, name, length) || (word[length] && word[length] != ' '))) {
        word += strcspn(word, " ");
        word += *word == ' ';
    }
    return !word || *word;
}

// A heading is written with the first row under it that is.
static void add_table(struct buffer *text, const struct option_table *table, bool all) {
    const char *heading = "Options";
    for (int i = 0; i < table->count; i++) {
        const struct option *option = &table->option[i];
        if (!option->name) heading = option->help;
        if (!option->name || !(all || is_used(table, option->name))) continue;
        if (heading) buffer_format(text, "\n%s:\n", heading);
        heading = NULL;
        add_row(text, option);
    }
}

void options_help(struct option_table *const *tables, bool all, struct buffer *text) {
    for (; *tables; tables++) add_table(text, *tables, all);
}
