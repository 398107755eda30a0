// Settings as a JSON object, one key a row, and back: what a run keeps of its options (run/run_json.c). A scalar goes
// through the same reading as one that is typed, so bounds and words are checked once.
#include <string.h>

#include "base/fail.h"
#include "stage/option_value.h"

static const struct option *find_kept(const struct option_table *table, const char *name) {
    for (int i = 0; i < table->count; i++) {
        const struct option *option = &table->option[i];
        if (option->name && !(option->marks & OPTION_LOCAL) && strcmp(option->name, name) == 0) return option;
    }
    return NULL;
}

static bool type_fits(enum option_kind kind, const json_t *value) {
    switch (kind) {
    case OPTION_INT: return json_is_integer(value);
    case OPTION_REAL: return json_is_number(value);
    case OPTION_FLAG: return json_is_boolean(value);
    case OPTION_TEXT:
    case OPTION_CHOICE: return json_is_string(value);
    case OPTION_LIST: return json_is_array(value);
    }
    return false;
}

// A scalar as it would be typed, so that there is one reading of values.
static void scalar_text(const json_t *value, struct buffer *text) {
    if (json_is_string(value))
        buffer_text(text, json_string_value(value));
    else if (json_is_integer(value))
        buffer_format(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        buffer_format(text, "%.17g", json_real_value(value));
    else
        buffer_text(text, json_is_true(value) ? "true" : "false");
}

static bool store_scalar(const struct option *option, void *settings, const json_t *value, char *reason) {
    struct buffer text = {0};
    scalar_text(value, &text);
    bool fits = option_store(option, settings, text.size ? text.bytes : "", reason);
    buffer_release(&text);
    return fits;
}

static bool store_list(const struct option *option, void *settings, const json_t *list, char *reason) {
    option_clear(option, settings);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item)) {
            strcpy(reason, "must be a list of texts");
            return false;
        }
        store_scalar(option, settings, item, reason);
    }
    return true;
}

static int store_json(const struct option *option, void *settings, const json_t *value, const char *where) {
    char reason[OPTION_REASON] = "has a value of the wrong type";
    bool fits = true;
    if (json_is_null(value))
        option_clear(option, settings);
    else if (!type_fits(option->kind, value))
        fits = false;
    else if (option->kind == OPTION_LIST)
        fits = store_list(option, settings, value, reason);
    else
        fits = store_scalar(option, settings, value, reason);
    return fits ? 0 : error(EXIT_DATA, "%s: \"%s\" %s", where, option->name, reason);
}

int options_from_json(struct option_table *table, const json_t *object, const char *where) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const struct option *option = find_kept(table, key);
        if (!option) return error(EXIT_DATA, "%s: unknown key \"%s\"", where, key);
        if (table->given && table->given[option - table->option]) continue;
        int status = store_json(option, table->settings, value, where);
        if (status) return status;
    }
    return 0;
}

static json_t *list_json(const struct strings *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->item[i]));
    return array;
}

static json_t *value_json(const struct option *option, void *settings) {
    const void *field = option_field(option, settings);
    size_t length;
    switch (option->kind) {
    case OPTION_INT: return json_integer(*(const int64_t *)field);
    case OPTION_REAL: return json_real(*(const double *)field);
    case OPTION_FLAG: return json_boolean(*(const bool *)field);
    case OPTION_LIST: return list_json(field);
    case OPTION_TEXT: return *(char *const *)field ? json_string(*(char *const *)field) : json_null();
    case OPTION_CHOICE: {
        const char *word = option_word(option->argument, *(const int *)field, &length);
        return json_stringn(word, length);
    }
    }
    return NULL;
}

json_t *options_to_json(const struct option_table *table) {
    json_t *object = json_object();
    for (int i = 0; i < table->count; i++) {
        const struct option *option = &table->option[i];
        if (!option->name || option->marks & OPTION_LOCAL) continue;
        json_object_set_new(object, option->name, value_json(option, table->settings));
    }
    return object;
}
