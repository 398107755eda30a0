// The one place that reads and writes run.json: every stage of a run once at its start (run_join), and coca-loss
// --prepare, which makes the file. What a resumed run may change of it is decided in run_directory.c.
#include "run/run_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

#define LIMIT (1 << 20) // bytes

json_t *run_json_open(const char *path) {
    return json_read(path, LIMIT);
}

int run_json_options(struct run *run, const json_t *document, const char *path) {
    const json_t *options = json_object_get(document, "options");
    if (!options) return error(EXIT_DATA, "%s: no \"options\"; is this a run directory?", path);
    char *where = xformat("%s: options", path);
    int status = options_from_json(&run->table, options, where);
    free(where);
    return status;
}

// ---- how this start goes on

static json_t *start_json(const struct run_start *start) {
    return json_pack("{s:s, s:I, s:s, s:I}", "id", start->id, "generation", (json_int_t)start->generation, "checkpoint",
                     start->checkpoint, "steps", (json_int_t)start->steps);
}

static int read_start(struct run_start *start, const json_t *object) {
    struct json_fields fields;
    json_fields_begin(&fields, object, RUN_JSON ": start");
    const char *id = json_fields_text(&fields, "id", ""), *checkpoint = json_fields_text(&fields, "checkpoint", "");
    *start = (struct run_start){.generation = json_fields_int(&fields, "generation", 0, 0, INT64_MAX),
                                .steps = json_fields_int(&fields, "steps", 0, 0, INT64_MAX)};
    if (json_fields_end(&fields)) return -EXIT_DATA;
    if (!*id || snprintf(start->id, sizeof start->id, "%s", id) >= (int)sizeof start->id ||
        snprintf(start->checkpoint, sizeof start->checkpoint, "%s", checkpoint) >= (int)sizeof start->checkpoint)
        return error(EXIT_DATA, RUN_JSON ": start: no id, or texts that are too long");
    return 0;
}

// ---- the data

static int read_datasets(struct run *run, const json_t *document) {
    const json_t *list = json_object_get(json_object_get(document, "versions"), "data");
    run->datasets = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *hash = json_string_value(json_object_get(json_array_get(list, i), "fingerprint"));
        if (!hash || run->datasets == RUN_DATASETS || !hash_parse(&run->dataset[run->datasets++], hash))
            return error(EXIT_DATA, RUN_JSON ": versions: data is not a list of datasets");
    }
    return 0;
}

// ---- the whole

int run_json_read(struct run *run) {
    if (!file_exists(RUN_JSON)) return 0;
    json_t *document = run_json_open(RUN_JSON);
    if (!document) return -EXIT_DATA;
    int status = run_json_options(run, document, RUN_JSON);
    if (!status) status = read_start(&run->start, json_object_get(document, "start"));
    if (!status) status = read_datasets(run, document);
    json_decref(document);
    return status;
}

int run_json_write(const char *path, const struct run *run, const json_t *versions) {
    json_t *document = json_pack("{s:o, s:O, s:o}", "options", options_to_json(&run->table), "versions",
                                 (json_t *)versions, "start", start_json(&run->start));
    int status = json_write(path, document);
    json_decref(document);
    return status;
}
