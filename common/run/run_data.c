#include "run/run_data.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"

#define RUN_JSON_LIMIT (1 << 20)

static int read_list(const json_t *list, uint64_t *fingerprint, int capacity, int *count) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *hash = json_string_value(json_object_get(json_array_get(list, i), "fingerprint"));
        if (!hash || *count == capacity) return error(EXIT_DATA, "run.json: versions: data is not a list of datasets");
        fingerprint[(*count)++] = strtoull(hash, NULL, 16);
    }
    return 0;
}

int run_data_fingerprints(uint64_t *fingerprint, int capacity, int *count) {
    *count = 0;
    if (!file_exists("run.json")) return 0;
    json_t *document = json_read("run.json", RUN_JSON_LIMIT);
    if (!document) return -EXIT_DATA;
    const json_t *list = json_object_get(json_object_get(document, "versions"), "data");
    int status = read_list(list, fingerprint, capacity, count);
    json_decref(document);
    return status;
}
