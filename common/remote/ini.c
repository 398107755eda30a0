// Lines of "[section]" and "name = value"; '#' and ';' begin a comment at the beginning of a line, and behind a blank
// in a value, as botocore has it.
#include "remote/ini.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/memory.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static void trim(const char **text, size_t *size) {
    while (*size && is_blank((*text)[0])) (*text)++, (*size)--;
    while (*size && is_blank((*text)[*size - 1])) (*size)--;
}

static bool is_text(const char *bytes, size_t size, const char *text) {
    return size == strlen(text) && !memcmp(bytes, text, size);
}

static bool is_section(const char *line, size_t size, const char *section) {
    const char *end = memchr(line, ']', size);
    if (!end) return false;
    const char *name = line + 1;
    size_t length = (size_t)(end - name);
    trim(&name, &length);
    return is_text(name, length, section);
}

// A comment behind a blank is no part of it.
static size_t value_size(const char *value, size_t size) {
    for (size_t i = 1; i < size; i++)
        if ((value[i] == '#' || value[i] == ';') && is_blank(value[i - 1])) return i;
    return size;
}

static char *setting(const char *line, size_t size, const char *name) {
    const char *equals = memchr(line, '=', size), *key = line;
    if (!equals) return NULL;
    size_t length = (size_t)(equals - line);
    trim(&key, &length);
    if (!is_text(key, length, name)) return NULL;
    const char *value = equals + 1;
    length = value_size(value, size - (size_t)(value - line));
    trim(&value, &length);
    return xstrndup(value, length);
}

char *ini_value(const char *text, size_t size, const char *section, const char *name) {
    struct lines lines;
    const char *line;
    size_t length;
    bool inside = false;
    char *found = NULL;
    lines_begin(&lines, text, size);
    while (lines_next(&lines, &line, &length)) {
        if (!length || is_blank(*line) || *line == '#' || *line == ';') continue;
        if (*line == '[') {
            inside = is_section(line, length, section);
            continue;
        }
        char *value = inside ? setting(line, length, name) : NULL;
        if (!value) continue;
        free(found);
        found = value;
    }
    return found;
}
