// Lists of lines (class names, templates) and the texts made from them. coca-tokenize makes captions of labels with it,
// sampled anew for each sample, and coca-score the prompts of zero-shot classification. Templates are written by hand,
// so their lines may be comments; of class names the line's number is the class. An error names its line.
#include "text/prompt.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/utf8.h"

#define LINES_BYTES_LIMIT (64u << 20)

// Blanks around a name would become part of prompts.
static int add_line(struct strings *list, const char *path, int64_t number, const char *line, size_t length) {
    while (length && isspace((unsigned char)line[length - 1])) length--;
    while (length && isspace((unsigned char)*line)) line++, length--;
    if (!utf8_valid(line, length) || memchr(line, 0, length))
        return error(EXIT_DATA, "%s: line %lld is not UTF-8 text", path, (long long)number);
    strings_add(list, line, length);
    return 0;
}

static int read_lines(struct strings *list, const char *path) {
    struct buffer file = {0};
    struct lines lines;
    const char *line;
    size_t size;
    int status = file_read(path, LINES_BYTES_LIMIT, &file);
    lines_begin(&lines, file.bytes, file.size);
    while (!status && lines_next(&lines, &line, &size)) status = add_line(list, path, lines.number, line, size);
    buffer_release(&file);
    return status;
}

// A line that is left out would give its class the next one's name.
int names_read(struct strings *names, const char *path) {
    int status = read_lines(names, path);
    while (names->count && !*names->item[names->count - 1]) free(names->item[--names->count]);
    for (size_t i = 0; i < names->count && !status; i++)
        if (!*names->item[i])
            status =
                error(EXIT_DATA, "%s: line %zu is empty, and each line names a class; give it a name, or take it out",
                      path, i + 1);
    return status;
}

// The first placeholder at or behind `text`, its length in `*length`; NULL when there is none.
static const char *find_place(const char *text, size_t *length) {
    for (; (text = strchr(text, '{')); text++)
        for (const char *const *place = (const char *const[]){"{}", "{c}", NULL}; *place; place++)
            if (!strncmp(text, *place, *length = strlen(*place))) return text;
    return NULL;
}

int templates_check(const struct strings *templates, const char *path) {
    size_t length;
    if (!templates->count) return error(EXIT_DATA, "%s: holds no template", path);
    for (size_t i = 0; i < templates->count; i++)
        if (!find_place(templates->item[i], &length))
            return error(EXIT_DATA, "%s: the template \"%s\" has no {} (or {c}) for the name", path,
                         templates->item[i]);
    return 0;
}

int templates_read(struct strings *templates, const char *path) {
    struct strings lines = {0};
    int status = read_lines(&lines, path);
    for (size_t i = 0; i < lines.count; i++)
        if (*lines.item[i] && *lines.item[i] != '#') strings_add_text(templates, lines.item[i]);
    strings_release(&lines);
    return status ? status : templates_check(templates, path);
}

// A template may have several places, and all get the name.
void prompt_fill(struct buffer *text, const char *template, const char *name) {
    const char *place;
    for (size_t length; (place = find_place(template, &length)); template = place + length) {
        buffer_append(text, template, (size_t)(place - template));
        buffer_text(text, name);
    }
    buffer_text(text, template);
}

// Order and template are drawn from subkeys of their own, so that neither changes when the other's number of draws
// does.
void prompt_from_labels(struct buffer *text, const struct strings *labels, const struct strings *templates,
                        struct random_key key) {
    struct buffer names = {0};
    const struct random_key order = random_subkey(key, 0), choice = random_subkey(key, 1);
    for (size_t i = 0; i < labels->count; i++) {
        if (i) buffer_text(&names, ", ");
        buffer_text(&names, labels->item[random_permute(order, labels->count, i)]);
    }
    prompt_fill(text, templates->item[random_below(choice, 0, templates->count)], names.bytes);
    buffer_release(&names);
}
