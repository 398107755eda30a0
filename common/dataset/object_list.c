// Which objects there are stands beside the shards, as a text that can be looked at and, when shards move to another
// place, edited: what a record says of an object is its number. store_writer.c writes it, placed.c reads.
#include "dataset/object_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

#define LIST_FORMAT "cocaflow objects"
#define LIST_BYTES_LIMIT (1u << 30)

// The keys of texts, by name.
static const struct key {
    const char *name;
    size_t offset;
} text_keys[] = {
    {"image_key", offsetof(struct import_options, image_key)},
    {"caption_key", offsetof(struct import_options, caption_key)},
    {"label_key", offsetof(struct import_options, label_key)},
    {"class_key", offsetof(struct import_options, class_key)},
    {"json_text_key", offsetof(struct import_options, json_text_key)},
};
enum { TEXT_KEYS = sizeof text_keys / sizeof *text_keys };

static json_t *names_to_json(const struct strings *names) {
    json_t *array = json_array();
    for (size_t i = 0; names && i < names->count; i++) json_array_append_new(array, json_string(names->item[i]));
    return array;
}

static json_t *keys_to_json(const struct import_options *keys) {
    json_t *object = json_pack("{s:b, s:I, s:o}", "first_line", keys->first_line, "max_picture_bytes",
                               (json_int_t)keys->max_picture_bytes, "class_names", names_to_json(keys->class_names));
    for (int i = 0; i < TEXT_KEYS; i++) {
        const char *text = *(const char *const *)((const char *)keys + text_keys[i].offset);
        if (text) json_object_set_new(object, text_keys[i].name, json_string(text));
    }
    return object;
}

static void keys_from_json(struct object_list *list, const json_t *object) {
    struct import_options *keys = &list->keys;
    for (int i = 0; i < TEXT_KEYS; i++)
        *(const char **)((char *)keys + text_keys[i].offset) =
            json_string_value(json_object_get(object, text_keys[i].name));
    keys->first_line = json_is_true(json_object_get(object, "first_line"));
    keys->max_picture_bytes = json_integer_value(json_object_get(object, "max_picture_bytes"));
    const json_t *names = json_object_get(object, "class_names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        strings_add_text(&list->class_names, name ? name : "");
    }
    if (list->class_names.count) keys->class_names = &list->class_names;
}

// The folder of a file as the system names it, with the file's own name, which may be a link.
static char *whole_path(const char *path) {
    char *parent = path_parent(path), *folder = realpath(parent, NULL);
    char *whole = folder ? path_join(folder, path_base(path)) : xstrdup(path);
    free(parent);
    free(folder);
    return whole;
}

// "/data/shards/0.tar" is "../shards/0.tar" to the dataset "/data/index".
static char *name_of(const char *url, const char *directory) {
    if (object_kind_of(url) != OBJECT_FILE) return xstrdup(url);
    char *self = whole_path(directory), *base = path_parent(self), *path = whole_path(url), *name;
    const size_t length = strlen(base);
    if (text_begins(path, base) && path[length] == '/')
        name = xformat("../%s", path + length + 1);
    else
        name = xstrdup(path);
    free(self);
    free(base);
    free(path);
    return name;
}

// A copied file has a time of its own. Where each picture has its hash nothing hangs on the time.
static bool keeps_tag(const struct listed_object *listed) {
    return listed->object->tag && (listed->has_unread || object_kind_of(listed->object->url) != OBJECT_FILE);
}

static json_t *object_to_json(const struct listed_object *listed, const char *directory) {
    const struct object *object = listed->object;
    char *name = name_of(object->url, directory);
    json_t *url = json_string(name);
    free(name);
    if (!url) return NULL;
    json_t *row = json_pack("{s:o, s:I, s:I}", "url", url, "bytes", (json_int_t)object->bytes, "first",
                            (json_int_t)listed->first);
    json_t *tag = keeps_tag(listed) ? json_string(object->tag) : NULL;
    if (tag) json_object_set_new(row, "tag", tag);
    if (object->is_hashed) json_object_set_new(row, "hash", json_hash(object->hash));
    return row;
}

int object_list_write(const struct listed_object *listed, int count, const struct import_options *keys,
                      const char *directory, const char *aside) {
    json_t *objects = json_array(), *document = json_pack("{s:s, s:o}", "format", LIST_FORMAT, "objects", objects);
    int status = 0;
    for (int i = 0; i < count && !status; i++) {
        json_t *row = object_to_json(&listed[i], directory);
        if (!row) status = error(EXIT_USAGE, "%s: is not UTF-8; give the shard another name", listed[i].object->url);
        if (row) json_array_append_new(objects, row);
    }
    if (keys) json_object_set_new(document, "keys", keys_to_json(keys));
    char *path = path_join(aside, OBJECT_LIST_FILE);
    if (!status) status = json_write(path, document);
    free(path);
    json_decref(document);
    return status;
}

// Numbers become bounds of parts: they ascend from 0, and none is beyond the records.
static int take(struct object_list *list, const json_t *row, const char *directory, int64_t records, const char *path) {
    struct object *object = &list->object[list->count];
    const char *url = json_string_value(json_object_get(row, "url")),
               *tag = json_string_value(json_object_get(row, "tag")),
               *hash = json_string_value(json_object_get(row, "hash"));
    const json_t *bytes = json_object_get(row, "bytes"), *first = json_object_get(row, "first");
    const int64_t least = list->count ? list->first[list->count - 1] : 0, at = json_integer_value(first);
    const bool is_hash = !hash || hash_parse(&object->hash, hash);
    if (!url || !json_is_integer(bytes) || json_integer_value(bytes) < -1 || !json_is_integer(first) || at < least ||
        at > records || (!list->count && at) || !is_hash)
        return error(EXIT_DATA, "%s: object %d is damaged; index the shards again", path, list->count);
    object->url = object_kind_of(url) == OBJECT_FILE ? path_join(directory, url) : xstrdup(url);
    object->bytes = json_integer_value(bytes);
    object->tag = tag ? xstrdup(tag) : NULL;
    object->is_hashed = hash;
    list->first[list->count++] = at;
    return 0;
}

static int parse(struct object_list *list, const char *directory, int64_t records, const char *path) {
    const char *format = json_string_value(json_object_get(list->document, "format"));
    const json_t *rows = json_object_get(list->document, "objects");
    const size_t count = json_array_size(rows);
    if (!format || strcmp(format, LIST_FORMAT) || !count || count > INT32_MAX)
        return error(EXIT_DATA, "%s: is no list of objects; index the shards again", path);
    list->object = xcalloc(count, sizeof *list->object);
    list->first = xcalloc(count + 1, sizeof *list->first);
    int status = 0;
    for (size_t i = 0; i < count && !status; i++)
        status = take(list, json_array_get(rows, i), directory, records, path);
    list->first[list->count] = records;
    if (!status) keys_from_json(list, json_object_get(list->document, "keys"));
    return status;
}

int object_list_read(struct object_list *list, const char *directory, int64_t records) {
    *list = (struct object_list){0};
    char *path = path_join(directory, OBJECT_LIST_FILE);
    list->document = json_read(path, LIST_BYTES_LIMIT);
    int status = list->document ? parse(list, directory, records, path) : -EXIT_DATA;
    free(path);
    if (status) object_list_release(list);
    return status;
}

void object_list_release(struct object_list *list) {
    for (int i = 0; i < list->count; i++) object_release(&list->object[i]);
    free(list->object);
    free(list->first);
    strings_release(&list->class_names);
    json_decref(list->document);
    *list = (struct object_list){0};
}
