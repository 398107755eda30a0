// What two starts into one folder must agree on.
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/text.h"

// Names that are not UTF-8 are spelled as everywhere.
static json_t *texts(const struct strings *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        struct buffer spelled = {0};
        text_escape(&spelled, list->item[i], strlen(list->item[i]));
        json_array_append_new(array, json_string(spelled.bytes ? spelled.bytes : ""));
        buffer_release(&spelled);
    }
    return array;
}

json_t *settings_document(const json_t *settings, const struct strings *shards, const struct strings *from) {
    return json_pack("{s:O, s:o, s:o}", "settings", settings, "shards", texts(shards), "from", texts(from));
}

static char *shown(const json_t *value) {
    char *text = value ? json_shown(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    return text ? text : xstrdup("nothing");
}

// A number that was written and read back is the same number.
static bool is_same(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return a && b && json_equal(a, b);
}

static int differs(const char *to, const char *key, const json_t *there, const json_t *here) {
    char *old = shown(there), *new = shown(here);
    int status = error(EXIT_USAGE,
                       "%s was begun with %s = %s, and this start has %s: go on with what it was begun with, or give "
                       "another --to",
                       to, key, old, new);
    free(old);
    free(new);
    return status;
}

static int compare_settings(const char *to, const json_t *there, const json_t *here) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)here, key, value) {
        const json_t *other = json_object_get(there, key);
        if (!is_same(other, value)) return differs(to, key, other, value);
    }
    json_object_foreach((json_t *)(uintptr_t)there, key, value) {
        if (!json_object_get(here, key)) return differs(to, key, value, NULL);
    }
    return 0;
}

static int compare_shards(const char *to, const json_t *there, const json_t *here) {
    const size_t count =
        json_array_size(there) > json_array_size(here) ? json_array_size(there) : json_array_size(here);
    for (size_t i = 0; i < count; i++) {
        const json_t *old = json_array_get(there, i), *new = json_array_get(here, i);
        if (!is_same(old, new)) {
            char *key = xformat("shard %zu of --from", i + 1);
            int status = differs(to, key, old, new);
            free(key);
            return status;
        }
    }
    return 0;
}

int settings_compare(const char *to, const json_t *there, const json_t *here) {
    const json_t *settings = json_object_get(there, "settings"), *shards = json_object_get(there, "shards");
    if (!json_is_object(settings) || !json_is_array(shards))
        return error(EXIT_DATA, "%s: its relabel.json is not what coca-relabel wrote: give another --to", to);
    int status = compare_settings(to, settings, json_object_get(here, "settings"));
    return status ? status : compare_shards(to, shards, json_object_get(here, "shards"));
}

int settings_read(const char *path, const json_t *document, json_t **settings, struct strings *shards) {
    const json_t *names = json_object_get(document, "shards"), *name;
    size_t i;
    *settings = json_object_get(document, "settings");
    if (!json_is_object(*settings) || !json_is_array(names))
        return error(EXIT_DATA, "%s: this is not what coca-relabel wrote", path);
    json_array_foreach(names, i, name) {
        if (!json_is_string(name)) return error(EXIT_DATA, "%s: shard %zu has no name", path, i + 1);
        struct buffer own = {0};
        text_unescape(&own, json_string_value(name), json_string_length(name));
        strings_add(shards, own.bytes, own.size);
        buffer_release(&own);
    }
    json_incref(*settings);
    return 0;
}
