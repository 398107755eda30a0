// Texts into values: the only place that knows how a value is spelled and bounded, for the command line and for JSON.
// It says what is wrong and reports nothing: option.c knows that it was typed, option_json.c in which file it stood.
#include "stage/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/count.h"

const char *option_word(const char *words, int index, size_t *length) {
    for (; index > 0 && words; index--) {
        words = strchr(words, '|');
        if (words) words++;
    }
    if (words) *length = strcspn(words, "|");
    return words;
}

static int find_word(const char *words, const char *text) {
    size_t length;
    const char *word;
    for (int i = 0; (word = option_word(words, i, &length)); i++)
        if (strlen(text) == length && memcmp(word, text, length) == 0) return i;
    return -1;
}

static bool within(const struct option *option, double value, const char *text, char *reason) {
    if (!option_is_bounded(option) || (value >= option->low && value <= option->high)) return true;
    if (isinf(option->high))
        snprintf(reason, OPTION_REASON, "must be at least %.15g, not '%.60s'", option->low, text);
    else if (isinf(option->low))
        snprintf(reason, OPTION_REASON, "must be at most %.15g, not '%.60s'", option->high, text);
    else
        snprintf(reason, OPTION_REASON, "must be %.15g to %.15g, not '%.60s'", option->low, option->high, text);
    return false;
}

// The power of 1024 behind the digits of a byte count, or -1 when `end` is neither empty nor a suffix.
static int suffix_shift(const struct option *option, const char *end) {
    static const char suffixes[] = "KMGT";
    if (!*end) return 0;
    const char *suffix = strchr(suffixes, *end);
    if (!suffix || end[1] || !option->argument || strcmp(option->argument, "BYTES") != 0) return -1;
    return 10 * (int)(suffix - suffixes + 1);
}

static bool store_int(const struct option *option, int64_t *field, const char *text, char *reason) {
    char *end;
    errno = 0;
    int64_t value = strtoimax(text, &end, 10);
    int shift = end == text ? -1 : suffix_shift(option, end);
    if (shift < 0 || errno || (shift > 0 && !count_multiply(value, (int64_t)1 << shift, &value))) {
        snprintf(reason, OPTION_REASON, "must be a whole number, not '%.60s'", text);
        return false;
    }
    if (!within(option, (double)value, text, reason)) return false;
    *field = value;
    return true;
}

static bool store_real(const struct option *option, double *field, const char *text, char *reason) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) {
        snprintf(reason, OPTION_REASON, "must be a number, not '%.60s'", text);
        return false;
    }
    if (!within(option, value, text, reason)) return false;
    *field = value;
    return true;
}

static bool store_flag(bool *field, const char *text, char *reason) {
    *field = strcmp(text, "true") == 0;
    if (*field || strcmp(text, "false") == 0) return true;
    snprintf(reason, OPTION_REASON, "must be true or false, not '%.60s'", text);
    return false;
}

static bool store_choice(const struct option *option, int *field, const char *text, char *reason) {
    int index = find_word(option->argument, text);
    if (index < 0) {
        snprintf(reason, OPTION_REASON, "must be one of %.100s, not '%.60s'", option->argument, text);
        return false;
    }
    *field = index;
    return true;
}

bool option_store(const struct option *option, void *settings, const char *text, char reason[OPTION_REASON]) {
    void *field = option_field(option, settings);
    switch (option->kind) {
    case OPTION_INT: return store_int(option, field, text, reason);
    case OPTION_REAL: return store_real(option, field, text, reason);
    case OPTION_FLAG: return store_flag(field, text, reason);
    case OPTION_CHOICE: return store_choice(option, field, text, reason);
    case OPTION_LIST: strings_add_text(field, text); return true;
    case OPTION_TEXT:
        free(*(char **)field);
        *(char **)field = xstrdup(text);
        return true;
    }
    bug("option --%s has kind %d", option->name, (int)option->kind);
}

void option_reset(const struct option *option, void *settings) {
    static const size_t sizes[] = {
        [OPTION_TEXT] = sizeof(char *), [OPTION_INT] = sizeof(int64_t), [OPTION_REAL] = sizeof(double),
        [OPTION_FLAG] = sizeof(bool),   [OPTION_CHOICE] = sizeof(int),  [OPTION_LIST] = sizeof(struct strings),
    };
    memset(option_field(option, settings), 0, sizes[option->kind]);
}

void option_clear(const struct option *option, void *settings) {
    void *field = option_field(option, settings);
    if (option->kind == OPTION_TEXT) free(*(char **)field);
    if (option->kind == OPTION_LIST) strings_release(field);
    option_reset(option, settings);
}
