#include "run/run_start.h"

#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "run/run_options.h"

struct run_start run_start;

#define RUN_JSON_LIMIT (1 << 20)

json_t *run_start_to_json(const struct run_start *start) {
    return json_pack("{s:s, s:s, s:I}", "id", start->id, "checkpoint", start->checkpoint, "steps",
                     (json_int_t)start->steps);
}

static int read_start(const json_t *object) {
    struct json_fields fields;
    json_fields_begin(&fields, object, "run.json: start");
    const char *id = json_fields_text(&fields, "id", ""), *checkpoint = json_fields_text(&fields, "checkpoint", "");
    int64_t steps = json_fields_int(&fields, "steps", 0, 0, INT64_MAX);
    if (json_fields_end(&fields)) return -EXIT_DATA;
    struct run_start start = {.steps = steps};
    if (!*id || snprintf(start.id, sizeof start.id, "%s", id) >= (int)sizeof start.id ||
        snprintf(start.checkpoint, sizeof start.checkpoint, "%s", checkpoint) >= (int)sizeof start.checkpoint)
        return error(EXIT_DATA, "run.json: start: no id, or texts that are too long");
    run_start = start;
    return 0;
}

int run_start_read(void) {
    if (!file_exists("run.json")) return 0;
    int status = run_options_from_run();
    if (status) return status;
    json_t *document = json_read("run.json", RUN_JSON_LIMIT);
    if (!document) return -EXIT_DATA;
    status = read_start(json_object_get(document, "start"));
    json_decref(document);
    return status;
}
