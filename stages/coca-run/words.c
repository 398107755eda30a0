// Reads the lines of coca-run's table, which scripts write with every word in single quotes and people write as in a
// shell. What the words mean is table.c's.
#include "words.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool at_end(const struct words *w) {
    return w->at == w->end;
}

// A backslash before the end of a line: the line goes on.
static bool is_continued(const struct words *w) {
    return w->end - w->at >= 2 && w->at[0] == '\\' && w->at[1] == '\n';
}

static void skip_comment(struct words *w) {
    while (!at_end(w) && *w->at != '\n') w->at++;
}

static void skip_blanks(struct words *w) {
    while (!at_end(w)) {
        if (is_continued(w)) {
            w->at += 2;
            w->line++;
        } else if (is_blank(*w->at)) {
            w->at++;
        } else {
            break;
        }
    }
    if (!at_end(w) && *w->at == '#') skip_comment(w);
}

static void take_byte(struct words *w, struct buffer *word) {
    w->line += *w->at == '\n';
    buffer_append(word, w->at++, 1);
}

// At the opening quote. In "…", a backslash takes what is special in a shell as it is.
static int take_quoted(struct words *w, struct buffer *word) {
    const char quote = *w->at++;
    const int begun = w->line;
    while (!at_end(w) && *w->at != quote) {
        if (quote == '"' && w->end - w->at >= 2 && *w->at == '\\' && strchr("\"\\$`", w->at[1])) w->at++;
        take_byte(w, word);
    }
    if (at_end(w)) return error(EXIT_USAGE, "table, line %d: a quote is not closed", begun);
    w->at++;
    return 0;
}

static int take_word(struct words *w, struct buffer *word) {
    int status = 0;
    buffer_append(word, "", 0);
    while (!status && !at_end(w) && !is_blank(*w->at) && *w->at != '\n' && !is_continued(w)) {
        if (*w->at == '\'' || *w->at == '"') {
            status = take_quoted(w, word);
        } else {
            if (*w->at == '\\' && w->end - w->at >= 2) w->at++;
            take_byte(w, word);
        }
    }
    return status;
}

static int take_line(struct words *w) {
    struct buffer word = {0};
    int status = 0;
    for (skip_blanks(w); !status && !at_end(w) && *w->at != '\n'; skip_blanks(w)) {
        status = take_word(w, &word);
        strings_add(&w->word, word.bytes, word.size);
        buffer_clear(&word);
    }
    buffer_release(&word);
    return status;
}

int words_next(struct words *w, int *line) {
    if (memchr(w->at, 0, (size_t)(w->end - w->at))) return error(EXIT_USAGE, "the table holds a NUL byte");
    strings_clear(&w->word);
    for (; !at_end(w); w->at++, w->line++) {
        *line = w->line;
        int status = take_line(w);
        if (status) return status;
        if (w->word.count) return 1;
        if (at_end(w)) return 0;
    }
    return 0;
}
