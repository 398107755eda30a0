// The command line, read into the settings of several tables at once. arguments.c calls it for programs, tests for
// themselves. How a value is spelled stands in option_value.c; what is kept of it in run.json, in option_json.c.
#include "stage/option.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "stage/option_value.h"

// A row found by name, with the table it stands in.
struct row {
    struct option_table *table;
    int index;
};

static const struct option *row_option(struct row row) {
    return &row.table->option[row.index];
}

static bool find_row(struct option_table *const *tables, const char *name, size_t length, struct row *row) {
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->count; i++) {
            const char *known = (*tables)->option[i].name;
            if (!known || strlen(known) != length || memcmp(known, name, length) != 0) continue;
            *row = (struct row){*tables, i};
            return true;
        }
    return false;
}

static void default_row(struct option_table *const *tables, struct row here) {
    const struct option *option = row_option(here);
    struct row first;
    char reason[OPTION_REASON];
    if (!option->name) return;
    if (find_row(tables, option->name, strlen(option->name), &first) &&
        (first.table != here.table || first.index != here.index))
        bug("option --%s stands in two rows", option->name);
    option_reset(option, here.table->settings);
    if (option->fallback && !option_store(option, here.table->settings, option->fallback, reason))
        bug("default of option --%s %s", option->name, reason);
}

static void check_used(struct option_table *table) {
    struct option_table *const alone[] = {table, NULL};
    struct row row;
    const char *name = table->used;
    for (size_t length; name && (length = strcspn(name, " ")); name += length + (name[length] == ' '))
        if (!find_row(alone, name, length, &row)) bug("--%.*s is used, but there is no such option", (int)length, name);
}

void options_defaults(struct option_table *const *tables) {
    for (int t = 0; tables[t]; t++) {
        check_used(tables[t]);
        tables[t]->given = xcalloc((size_t)tables[t]->count + 1, sizeof(bool));
        for (int i = 0; i < tables[t]->count; i++) default_row(tables, (struct row){tables[t], i});
    }
}

static void release_table(struct option_table *table) {
    for (int i = 0; i < table->count; i++)
        if (table->option[i].name) option_clear(&table->option[i], table->settings);
    free(table->given);
    table->given = NULL;
}

void options_release(struct option_table *const *tables) {
    for (; *tables; tables++) release_table(*tables);
}

bool option_given(const struct option_table *table, const void *field) {
    size_t offset = (size_t)((const char *)field - (const char *)table->settings);
    for (int i = 0; i < table->count; i++)
        if (table->option[i].name && table->option[i].offset == offset) return table->given[i];
    bug("option_given: no option fills the field at offset %zu", offset);
}

// Levenshtein distance of two names; SIZE_MAX where one is too long to be an option.
static size_t name_distance(const char *a, size_t a_length, const char *b) {
    size_t b_length = strlen(b), line[64];
    if (a_length >= 64 || b_length >= 64) return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++) line[j] = j;
    for (size_t i = 0; i < a_length; i++) {
        size_t diagonal = line[0];
        line[0] = i + 1;
        for (size_t j = 0; j < b_length; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = line[j + 1];
            if (line[j] + 1 < best) best = line[j] + 1;
            if (diagonal + 1 < best) best = diagonal + 1;
            line[j + 1] = best;
        }
    }
    return line[b_length];
}

static int unknown_option(struct option_table *const *tables, const char *name, size_t length) {
    const char *nearest = NULL;
    size_t least = length / 3 + 2; // further away is no slip of the fingers
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->count; i++) {
            const char *known = (*tables)->option[i].name;
            size_t distance = known ? name_distance(name, length, known) : SIZE_MAX;
            if (distance >= least) continue;
            least = distance;
            nearest = known;
        }
    if (!nearest) return error(EXIT_USAGE, "unknown option --%.*s; --help lists them", (int)length, name);
    return error(EXIT_USAGE, "unknown option --%.*s; did you mean --%s?", (int)length, name, nearest);
}

// The command line while it is read.
struct cursor {
    char **argument;
    int at, count;
};

static int take_value(struct row row, const char *value) {
    const struct option *option = row_option(row);
    char reason[OPTION_REASON];
    if (option->kind == OPTION_LIST && !row.table->given[row.index]) option_clear(option, row.table->settings);
    if (!option_store(option, row.table->settings, value, reason))
        return error(EXIT_USAGE, "--%s %s", option->name, reason);
    row.table->given[row.index] = true;
    return 0;
}

static int take_flag(struct row row, const char *assigned, bool value) {
    if (assigned) return error(EXIT_USAGE, "--%s takes no value", row_option(row)->name);
    return take_value(row, value ? "true" : "false");
}

// The argument under the cursor is "--name" or "--name=VALUE".
static int take_option(struct option_table *const *tables, struct cursor *cursor) {
    const char *name = cursor->argument[cursor->at] + 2, *assigned = strchr(name, '=');
    size_t length = assigned ? (size_t)(assigned - name) : strlen(name);
    struct row row;
    if (!find_row(tables, name, length, &row)) {
        bool negated = length > 3 && memcmp(name, "no-", 3) == 0;
        if (negated && find_row(tables, name + 3, length - 3, &row) && row_option(row)->kind == OPTION_FLAG)
            return take_flag(row, assigned, false);
        return unknown_option(tables, name, length);
    }
    if (row_option(row)->kind == OPTION_FLAG) return take_flag(row, assigned, true);
    if (assigned) return take_value(row, assigned + 1);
    if (cursor->at + 1 >= cursor->count) return error(EXIT_USAGE, "--%s needs a value", row_option(row)->name);
    return take_value(row, cursor->argument[++cursor->at]);
}

// The argument under the cursor is "-x".
static int take_letter(struct option_table *const *tables, const char *argument) {
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->count; i++)
            if (!argument[2] && (*tables)->option[i].marks >> 8 == (unsigned char)argument[1])
                return take_flag((struct row){*tables, i}, NULL, true);
    return error(EXIT_USAGE, "unknown option %s; names begin with two dashes, --help lists them", argument);
}

static int take_operand(const char *text, struct strings *operands) {
    if (!operands) return error(EXIT_USAGE, "unexpected argument '%s'; --help lists the options", text);
    strings_add_text(operands, text);
    return 0;
}

int options_parse(struct option_table *const *tables, int argc, char **argv, struct strings *operands) {
    bool only_operands = false;
    for (struct cursor cursor = {argv, 1, argc}; cursor.at < argc; cursor.at++) {
        const char *argument = argv[cursor.at];
        int status;
        if (!only_operands && strcmp(argument, "--") == 0) {
            only_operands = true;
            continue;
        }
        if (only_operands || argument[0] != '-' || !argument[1])
            status = take_operand(argument, operands);
        else if (argument[1] == '-')
            status = take_option(tables, &cursor);
        else
            status = take_letter(tables, argument);
        if (status) return status;
    }
    return 0;
}
