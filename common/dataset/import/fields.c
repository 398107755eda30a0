// How JSON that describes pictures is read, for coco.c, jsonl.c and tar.c: a value may be a text, an array of texts or
// null, and several names may stand for the same thing. Anything else is a defect of the sample that has it.
#include "dataset/import/fields.h"

#include <stdlib.h>
#include <string.h>

const json_t *fields_first(const json_t *object, const struct strings *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        const json_t *value = json_object_get(object, keys->item[i]);
        if (value && !json_is_null(value)) return value;
    }
    return NULL;
}

static void add_text(const json_t *value, const char *key, struct draft *draft,
                     void (*add)(struct draft *draft, const void *text, size_t size)) {
    if (json_is_string(value))
        add(draft, json_string_value(value), json_string_length(value));
    else
        draft_defect(draft, "its \"%.40s\" is not text", key);
}

void fields_add(const json_t *value, const char *key, struct draft *draft,
                void (*add)(struct draft *draft, const void *text, size_t size)) {
    if (json_is_null(value)) return;
    if (!json_is_array(value)) add_text(value, key, draft, add);
    for (size_t i = 0; i < json_array_size(value); i++) add_text(json_array_get(value, i), key, draft, add);
}

// Each key that the object has, in the order of the list: several may name captions.
void fields_texts(const json_t *object, const struct strings *keys, struct draft *draft,
                  void (*add)(struct draft *draft, const void *text, size_t size)) {
    for (size_t i = 0; i < keys->count; i++) {
        const json_t *value = json_object_get(object, keys->item[i]);
        if (value) fields_add(value, keys->item[i], draft, add);
    }
}

// As text, whatever it is in JSON: one rule says what a class is.
void fields_class(const json_t *object, const struct strings *keys, struct draft *draft) {
    const json_t *value = fields_first(object, keys);
    if (!value) return;
    char *text = json_is_string(value) ? xstrndup(json_string_value(value), json_string_length(value))
                                       : json_dumps(value, JSON_ENCODE_ANY);
    draft_class(draft, text, strlen(text));
    free(text);
}
