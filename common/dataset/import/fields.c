// How JSON that describes pictures is read, for coco.c, jsonl.c and tar.c: a value may be a text, an array of texts or
// null, and several names may stand for the same thing. Anything else is a defect of the sample that has it.
#include "dataset/import/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

// NaN is how pandas writes a cell that is missing.
static bool is_missing(const json_t *value) {
    return !value || json_is_null(value) || (json_is_object(value) && !json_object_size(value));
}

const json_t *fields_first(const json_t *object, const struct strings *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        const json_t *value = json_object_get(object, keys->item[i]);
        if (!is_missing(value)) return value;
    }
    return NULL;
}

char *fields_id(const json_t *value) {
    char text[JSON_NUMBER_SIZE];
    const double number = json_number_value(value);
    if (json_is_string(value) && json_string_length(value)) return xstrdup(json_string_value(value));
    if (json_is_integer(value)) return xformat("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (!json_is_real(value)) return NULL;
    return number == floor(number) && fabs(number) < 0x1p53 ? xformat("%.0f", number)
                                                            : xstrdup(json_number(text, number));
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
    if (is_missing(value)) return;
    if (!json_is_array(value)) add_text(value, key, draft, add);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!is_missing(json_array_get(value, i))) add_text(json_array_get(value, i), key, draft, add);
}

// Each key that the object has, in the order of the list: several may name captions.
void fields_texts(const json_t *object, const struct strings *keys, struct draft *draft,
                  void (*add)(struct draft *draft, const void *text, size_t size)) {
    for (size_t i = 0; i < keys->count; i++) {
        const json_t *value = json_object_get(object, keys->item[i]);
        if (value) fields_add(value, keys->item[i], draft, add);
    }
}

// As text, whatever it is in JSON: one rule says what a class is. A whole number with a point is how pandas writes
// those of a column in which some are missing.
void fields_class(const json_t *object, const struct strings *keys, struct draft *draft) {
    const json_t *value = fields_first(object, keys);
    if (!value) return;
    char *text = json_is_string(value)   ? xstrndup(json_string_value(value), json_string_length(value))
                 : json_is_number(value) ? fields_id(value)
                                         : json_dumps(value, JSON_ENCODE_ANY);
    draft_class(draft, text, strlen(text));
    free(text);
}
