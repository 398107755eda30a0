// Paths as open_clip's users write them, in quotes that no shell unfolds: several joined by "::", and shards by brace
// ranges or patterns. import.c calls. A name that is a file is never taken apart, as file names may hold braces.
#include "dataset/import/paths.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/text.h"
#include "remote/object.h"

#define PATHS_LIMIT 1000000

// What stands between braces, with what stands before and behind them.
struct braces {
    const char *head;
    size_t head_length;
    const char *body;
    size_t body_length;
    const char *tail;
};

static bool find_braces(const char *text, struct braces *braces) {
    const char *open = strchr(text, '{'), *close = open ? strchr(open, '}') : NULL;
    if (!close) return false;
    *braces = (struct braces){text, (size_t)(open - text), open + 1, (size_t)(close - open - 1), close + 1};
    return true;
}

// The files that a pattern of the shell names, by name; what matches none, or is on a server, stays as it is.
static void add_matches(struct strings *paths, const char *text) {
    glob_t found = {0};
    const bool is_pattern = object_kind_of(text) == OBJECT_FILE && strpbrk(text, "*?[") && !file_exists(text) &&
                            !glob(text, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) strings_add_text(paths, found.gl_pathv[i]);
    if (!is_pattern) strings_add_text(paths, text);
    globfree(&found);
}

static int unfold(struct strings *paths, const char *text);

static int unfold_with(struct strings *paths, const struct braces *braces, const char *body, int body_length) {
    char *text = xformat("%.*s%.*s%s", (int)braces->head_length, braces->head, body_length, body, braces->tail);
    int status = unfold(paths, text);
    free(text);
    return status;
}

// "000..329": two numbers, as many digits as the first has at least. False for anything else.
static bool parse_range(const struct braces *braces, unsigned long *first, unsigned long *last, int *width) {
    char digits[2][16];
    int used = 0;
    char *body = xstrndup(braces->body, braces->body_length);
    const bool is_range = sscanf(body, "%15[0-9]..%15[0-9]%n", digits[0], digits[1], &used) == 2 && !body[used];
    free(body);
    if (!is_range) return false;
    *width = (int)strlen(digits[0]);
    *first = strtoul(digits[0], NULL, 10);
    *last = strtoul(digits[1], NULL, 10);
    return *first <= *last;
}

// {008..010} is 008, 009, 010: numbers get at least the digits of the first.
static int unfold_range(struct strings *paths, const struct braces *braces, unsigned long first, unsigned long last,
                        int width) {
    if (last - first >= PATHS_LIMIT) return error(EXIT_USAGE, "%s: too many files", braces->head);
    int status = 0;
    for (unsigned long i = first; i <= last && !status; i++) {
        char number[24];
        int length = snprintf(number, sizeof number, "%0*lu", width, i);
        status = unfold_with(paths, braces, number, length);
    }
    return status;
}

// n commas part n + 1 words, of which any may be empty.
static int unfold_words(struct strings *paths, const struct braces *braces) {
    int status = 0;
    const char *word = braces->body, *end = word + braces->body_length;
    for (const char *comma; !status && word <= end; word = comma + 1) {
        comma = memchr(word, ',', (size_t)(end - word));
        if (!comma) comma = end;
        status = unfold_with(paths, braces, word, (int)(comma - word));
    }
    return status;
}

// One pair of braces a call, the first; what stands behind it is unfolded with each of its values.
static int unfold(struct strings *paths, const char *text) {
    if (paths->count >= PATHS_LIMIT) return error(EXIT_USAGE, "%s: too many files", text);
    struct braces braces;
    unsigned long first, last;
    int width;
    if (!find_braces(text, &braces)) {
        add_matches(paths, text);
        return 0;
    }
    if (parse_range(&braces, &first, &last, &width)) return unfold_range(paths, &braces, first, last, width);
    return unfold_words(paths, &braces);
}

int paths_expand(struct strings *paths, const char *text) {
    if (file_exists(text) || directory_exists(text)) {
        strings_add_text(paths, text);
        return 0;
    }
    struct strings parts = {0};
    int status = 0;
    text_split(&parts, text, "::");
    for (size_t i = 0; i < parts.count && !status; i++) status = unfold(paths, parts.item[i]);
    strings_release(&parts);
    return status;
}
