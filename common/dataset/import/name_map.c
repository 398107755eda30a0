// A thousand entries at most, so they are looked through one by one.
#include "dataset/import/name_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/text.h"
#include "dataset/import/fields.h"

#define FILE_BYTES_LIMIT (16u << 20)

static int add_object(struct name_map *map, const char *path, const json_t *object) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return error(EXIT_DATA, "%s: is no JSON object of names", path);
    json_object_foreach((json_t *)object, key, value) {
        char *text = fields_id(value);
        if (!text) return error(EXIT_DATA, "%s: \"%s\" has neither a text nor a number", path, key);
        strings_add_text(&map->key, key);
        strings_add_text(&map->value, text);
        free(text);
    }
    return 0;
}

static const char *last_of(const char *line, size_t size, char byte) {
    while (size && line[size - 1] != byte) size--;
    return size ? line + size - 1 : NULL;
}

static int add_line(struct name_map *map, const char *path, int64_t number, const char *line, size_t size) {
    const char *apart = memchr(line, '\t', size);
    if (!apart) apart = memchr(line, ' ', size);
    if (!apart) apart = last_of(line, size, ',');
    if (!apart || apart == line || apart + 1 == line + size)
        return error(EXIT_DATA, "%s: line %lld has not a name and what stands for it", path, (long long)number);
    strings_add(&map->key, line, (size_t)(apart - line));
    strings_add(&map->value, apart + 1, (size_t)(line + size - apart - 1));
    return 0;
}

static int add_lines(struct name_map *map, const char *path) {
    struct buffer text = {0};
    struct lines lines;
    const char *line;
    size_t size;
    int status = file_read(path, FILE_BYTES_LIMIT, &text);
    lines_begin(&lines, text.bytes, text.size);
    while (!status && lines_next(&lines, &line, &size))
        if (size) status = add_line(map, path, lines.number, line, size);
    buffer_release(&text);
    return status;
}

int name_map_read(struct name_map *map, const char *path) {
    if (!text_ends_alike(path, ".json")) return add_lines(map, path);
    json_t *document = json_read(path, FILE_BYTES_LIMIT);
    int status = document ? add_object(map, path, document) : -EXIT_DATA;
    json_decref(document);
    return status;
}

void name_map_release(struct name_map *map) {
    strings_release(&map->key);
    strings_release(&map->value);
}

const char *name_map_find(const struct name_map *map, const char *key) {
    for (size_t i = 0; i < map->key.count; i++)
        if (!strcmp(map->key.item[i], key)) return map->value.item[i];
    return NULL;
}

static void add_names(struct strings *names, const json_t *document) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)document, key, value) strings_add_text(names, key);
    for (size_t i = 0; i < json_array_size(document); i++) {
        const json_t *item = json_array_get(document, i);
        if (json_is_string(item)) strings_add_text(names, json_string_value(item));
    }
}

int name_list_read(struct strings *names, const char *path) {
    struct buffer text = {0};
    struct lines lines;
    const char *line;
    size_t size;
    json_t *document = NULL;
    int status = 0;
    if (text_ends_alike(path, ".json"))
        status = (document = json_read(path, FILE_BYTES_LIMIT)) ? 0 : -EXIT_DATA;
    else
        status = file_read(path, FILE_BYTES_LIMIT, &text);
    if (document) add_names(names, document);
    lines_begin(&lines, text.bytes, text.size);
    while (lines_next(&lines, &line, &size))
        if (size) strings_add(names, line, size);
    json_decref(document);
    buffer_release(&text);
    if (!status && !names->count) status = error(EXIT_DATA, "%s: holds no name", path);
    return status;
}
