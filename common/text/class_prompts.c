// What zero-shot classification compares pictures with: names of classes and texts about each. coca-score reads them,
// from plain lists or from the JSON files that CLIP_benchmark publishes for its data sets, where one file may hold many
// sets. Templates are filled here (prompt.c); averaging the texts' embeddings by class is measure/'s.
#include "text/class_prompts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "text/prompt.h"

#define JSON_BYTES_LIMIT (64u << 20)
#define DEFAULT_SET "imagenet1k"

static bool is_json(const char *path) {
    return text_ends_alike(path, ".json");
}

// "wds/cifar10" is "cifar10" too: data sets are named with and without the folder that CLIP_benchmark keeps them in.
static const json_t *find_set(const json_t *object, const struct strings *sets) {
    for (size_t i = 0; i < sets->count; i++) {
        const char *name = sets->item[i], *slash = strrchr(name, '/');
        const json_t *found = json_object_get(object, name);
        if (!found && slash) found = json_object_get(object, slash + 1);
        if (found) return found;
    }
    return NULL;
}

// Names what the file does hold, as far as a line has room.
static int refuse_set(const char *path, const json_t *object, const struct strings *sets) {
    struct buffer keys = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (keys.size > 200) continue;
        buffer_format(&keys, "%s%s", keys.size ? ", " : "", key);
    }
    const char *has = keys.size ? keys.bytes : "none, it is empty";
    int status = sets->count
                     ? error(EXIT_DATA, "%s: has no list for \"%s\"; --class-set names one of its own: %s", path,
                             sets->item[0], has)
                     : error(EXIT_DATA, "%s: is no list, but has lists, of which none was named: %s", path, has);
    buffer_release(&keys);
    return status;
}

// Each text becomes a line of a list that another process reads, so it may hold no line end and no NUL.
static int add_texts(struct strings *list, const json_t *array, const char *path, const char *what) {
    size_t i;
    json_t *text;
    if (!json_array_size(array)) return error(EXIT_DATA, "%s: %s is no list of texts, or an empty one", path, what);
    json_array_foreach(array, i, text) {
        const char *bytes = json_string_value(text);
        if (!bytes || !*bytes || strlen(bytes) != json_string_length(text) || strchr(bytes, '\n'))
            return error(EXIT_DATA, "%s: item %zu of %s is not one line of text", path, i, what);
        strings_add_text(list, bytes);
    }
    return 0;
}

static int names_from_json(struct strings *names, const json_t *document, const char *path,
                           const struct strings *sets) {
    const json_t *list = json_is_array(document) ? document : find_set(document, sets);
    return list ? add_texts(names, list, path, "the class names") : refuse_set(path, document, sets);
}

int class_names_read(struct strings *names, const char *path, const struct strings *sets) {
    int status;
    if (is_json(path)) {
        json_t *document = json_read(path, JSON_BYTES_LIMIT);
        status = document ? names_from_json(names, document, path, sets) : -EXIT_DATA;
        json_decref(document);
    } else {
        status = names_read(names, path);
    }
    return !status && !names->count ? error(EXIT_DATA, "%s: holds no class name", path) : status;
}

// Class by class, as each class's embedding is the mean of neighbours.
static void fill_all(struct class_prompts *prompts, const struct strings *names, const struct strings *templates) {
    struct buffer text = {0};
    for (size_t c = 0; c < names->count; c++) {
        prompts->count[c] = (int64_t)templates->count;
        for (size_t k = 0; k < templates->count; k++) {
            buffer_clear(&text);
            prompt_fill(&text, templates->item[k], names->item[c]);
            strings_add(&prompts->text, text.bytes, text.size);
        }
    }
    buffer_release(&text);
}

static int read_templates(struct class_prompts *prompts, const struct strings *names, const json_t *list,
                          const char *path) {
    struct strings templates = {0};
    int status = list ? add_texts(&templates, list, path, "the templates") : templates_read(&templates, path);
    if (!status && list) status = templates_check(&templates, path);
    if (!status) fill_all(prompts, names, &templates);
    strings_release(&templates);
    return status;
}

// Each class's own prompts, as they stand.
static int read_own(struct class_prompts *prompts, const struct strings *names, const json_t *object,
                    const char *path) {
    for (size_t c = 0; c < names->count; c++) {
        const json_t *list = json_object_get(object, names->item[c]);
        if (!list) return error(EXIT_DATA, "%s: has no prompts for the class \"%s\"", path, names->item[c]);
        int status = add_texts(&prompts->text, list, path, names->item[c]);
        if (status) return status;
        prompts->count[c] = (int64_t)json_array_size(list);
    }
    return 0;
}

// A list is templates. Of an object first the set that was named, then the object itself, if it has the first class's
// name as a key, and last the default.
static int prompts_from_json(struct class_prompts *prompts, const struct strings *names, const json_t *document,
                             const char *path, const struct strings *sets) {
    const json_t *found = json_is_array(document) ? document : find_set(document, sets);
    if (!found && json_object_get(document, names->item[0])) found = document; // one set, without its name
    if (!found && (found = json_object_get(document, DEFAULT_SET)))
        note("%s: has no prompts for \"%s\"; those of " DEFAULT_SET " are taken, as CLIP_benchmark does", path,
             sets->count ? sets->item[0] : "");
    if (!found) return refuse_set(path, document, sets);
    return json_is_object(found) ? read_own(prompts, names, found, path) : read_templates(prompts, names, found, path);
}

int class_prompts_read(struct class_prompts *prompts, const struct strings *names, const char *path,
                       const struct strings *sets) {
    prompts->count = xcalloc(names->count, sizeof *prompts->count);
    if (!is_json(path)) return read_templates(prompts, names, NULL, path);
    json_t *document = json_read(path, JSON_BYTES_LIMIT);
    int status = document ? prompts_from_json(prompts, names, document, path, sets) : -EXIT_DATA;
    json_decref(document);
    return status;
}

void class_prompts_release(struct class_prompts *prompts) {
    strings_release(&prompts->text);
    free(prompts->count);
    *prompts = (struct class_prompts){0};
}
