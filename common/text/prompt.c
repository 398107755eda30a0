// Lists of lines (class names, templates) and the texts made from them. coca-tokenize makes captions of labels with it,
// sampled anew for each sample, and coca-score the prompts of zero-shot classification. Files are written by hand, so
// lines may be comments, and an error names its line.
#include "text/prompt.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"

#define LINES_BYTES_LIMIT (64u << 20)

static bool is_comment(const char *line, size_t length) {
    return length == 0 || *line == '#';
}

// Appends one line without the blanks around it.
// Blanks around a name would become part of prompts.
static int add_line(struct strings *lines, const char *path, int number, const char *line, size_t length) {
    while (length && isspace((unsigned char)line[length - 1])) length--;
    while (length && isspace((unsigned char)*line)) line++, length--;
    if (is_comment(line, length)) return 0;
    if (!utf8_valid(line, length) || memchr(line, 0, length))
        return error(EXIT_DATA, "%s: line %d is not UTF-8 text", path, number);
    strings_add(lines, line, length);
    return 0;
}

static int split_lines(struct strings *lines, const char *path, const struct buffer *file) {
    static const char mark[] = "\xef\xbb\xbf"; // some editors put a byte order mark in front
    size_t at = file->size >= 3 && !memcmp(file->bytes, mark, 3) ? 3 : 0;
    int status = 0;
    for (int number = 1; at < file->size && !status; number++) {
        const char *line = file->bytes + at, *end = memchr(line, '\n', file->size - at);
        size_t length = end ? (size_t)(end - line) : file->size - at;
        status = add_line(lines, path, number, line, length);
        at += length + 1;
    }
    return status;
}

int lines_read(struct strings *lines, const char *path) {
    struct buffer file = {0};
    int status = file_read(path, LINES_BYTES_LIMIT, &file);
    if (!status) status = split_lines(lines, path, &file);
    buffer_release(&file);
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
    int status = lines_read(templates, path);
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
