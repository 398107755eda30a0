// What the lines of coca-run's table mean: a row's kind, name, settings and command. Says what is wrong with a line
// before anything is started; processes are made of the rows in process.c.
#include "table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { NAME_LIMIT = 64, COUNT_LIMIT = 1024, RESTARTS_LIMIT = 1000000, WINDOW_LIMIT = 1000000 };

// Workers hold nothing that is lost with them; whoever else is to come back, or how the job is, the table says so.
static const struct kind {
    const char *word;
    int restarts, window;
} kinds[] = {[ROW_STAGE] = {"stage", 0, 60},   [ROW_SINK] = {"sink", 0, 60}, [ROW_WORKER] = {"worker", 5, 60},
             [ROW_FEEDER] = {"feeder", 0, 60}, [ROW_SIDE] = {"side", 0, 60}, [ROW_AGAIN] = {"again", 3, 600},
             [ROW_THEN] = {"then", 0, 60}};
enum { KINDS = sizeof kinds / sizeof *kinds };

// KINDS when there is no such kind.
static int find_kind(const char *word) {
    int i = 0;
    while (i < KINDS && strcmp(kinds[i].word, word)) i++;
    return i;
}

// A process's files are called after it: log/NAME.log, sockets/NAME.pid.
static bool is_name(const char *text) {
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t length = strspn(text, allowed);
    return length > 0 && length <= NAME_LIMIT && !text[length];
}

static int read_number(const char *setting, int line, int low, int high, int *value) {
    const char *text = strchr(setting, '=') + 1;
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number < low || number > high)
        return error(EXIT_USAGE, "table, line %d: %s must be a whole number from %d to %d", line, setting, low, high);
    *value = (int)number;
    return 0;
}

static bool is_setting(const char *word, const char *name) {
    size_t length = strlen(name);
    return !strncmp(word, name, length) && word[length] == '=';
}

static int read_setting(struct row *row, const char *word, int line) {
    if (is_setting(word, "count") && row->kind == ROW_WORKER)
        return read_number(word, line, 1, COUNT_LIMIT, &row->count);
    if (is_setting(word, "restarts")) return read_number(word, line, 0, RESTARTS_LIMIT, &row->restarts);
    if (is_setting(word, "away")) return read_number(word, line, 0, 1, &row->away);
    if (is_setting(word, "within")) return read_number(word, line, 1, WINDOW_LIMIT, &row->window);
    return error(EXIT_USAGE,
                 "table, line %d: '%s' is no setting: restarts=N, within=SECONDS, away=1, or count=N of a worker", line,
                 word);
}

// NAME=VALUE; a path is none, whatever it holds.
static bool looks_like_setting(const char *word) {
    return word[strcspn(word, "=/")] == '=';
}

// Settings stand before the command.
static int read_settings(struct row *row, const struct strings *word, int line) {
    size_t i = 2;
    int status = 0;
    for (; !status && i < word->count && looks_like_setting(word->item[i]); i++)
        status = read_setting(row, word->item[i], line);
    if (status) return status;
    if (i == word->count) return error(EXIT_USAGE, "table, line %d: %s has no command", line, row->name);
    for (; i < word->count; i++) strings_add_text(&row->command, word->item[i]);
    return 0;
}

static int check_name(const struct table *table, const char *name, int line) {
    if (!is_name(name))
        return error(EXIT_USAGE, "table, line %d: '%s' is no name: letters, digits, - and _, at most %d", line, name,
                     NAME_LIMIT);
    for (int i = table->count - 1; i >= 0 && table->row[i].kind != ROW_THEN; i--)
        if (!strcmp(table->row[i].name, name)) return error(EXIT_USAGE, "table, line %d: a second '%s'", line, name);
    return 0;
}

// A row with its kind, which the table owns from now on.
static struct row *add_row(struct table *table, enum row_kind kind) {
    table->row = xrealloc_array(table->row, (size_t)table->count + 1, sizeof *table->row);
    struct row *row = &table->row[table->count++];
    *row = (struct row){.kind = kind, .count = 1, .restarts = kinds[kind].restarts, .window = kinds[kind].window};
    return row;
}

static int read_row(struct table *table, const struct strings *word, int line) {
    int kind = find_kind(word->item[0]), status;
    if (kind == KINDS)
        return error(EXIT_USAGE, "table, line %d: '%s' is no kind: stage, sink, worker, feeder, side, again or then",
                     line, word->item[0]);
    if (kind == ROW_THEN) {
        add_row(table, ROW_THEN);
        return word->count == 1 ? 0 : error(EXIT_USAGE, "table, line %d: 'then' stands alone", line);
    }
    if (word->count < 2) return error(EXIT_USAGE, "table, line %d: no name and no command", line);
    if ((status = check_name(table, word->item[1], line))) return status;
    struct row *row = add_row(table, (enum row_kind)kind);
    row->name = xstrdup(word->item[1]);
    return read_settings(row, word, line);
}

// Nothing but a stage or a sink says when a job is over; and what a feeder has read cannot be read again.
static int check_job(const int count[]) {
    if (!count[ROW_STAGE] && !count[ROW_SINK])
        return error(EXIT_USAGE, "the table has a job without a stage and without a sink");
    if (count[ROW_AGAIN] > 1) return error(EXIT_USAGE, "the table has a job with more than one row 'again'");
    if (count[ROW_AGAIN] && count[ROW_FEEDER])
        return error(EXIT_USAGE, "the table has a job with a row 'again' and a feeder, which cannot begin again");
    return 0;
}

static int check_jobs(const struct table *table) {
    int count[KINDS] = {0}, status = 0;
    for (int i = 0; i < table->count && !status; i++) {
        count[table->row[i].kind]++;
        if (table->row[i].kind != ROW_THEN) continue;
        status = check_job(count);
        memset(count, 0, sizeof count);
    }
    return status ? status : check_job(count);
}

int table_read(struct table *table, const char *text, size_t size) {
    struct words words = {.at = text, .end = text + size, .line = 1};
    int line, status;
    *table = (struct table){0};
    while ((status = words_next(&words, &line)) == 1 && !(status = read_row(table, &words.word, line))) continue;
    strings_release(&words.word);
    return status ? status : check_jobs(table);
}

void table_release(struct table *table) {
    for (int i = 0; i < table->count; i++) {
        free(table->row[i].name);
        strings_release(&table->row[i].command);
    }
    free(table->row);
    *table = (struct table){0};
}
