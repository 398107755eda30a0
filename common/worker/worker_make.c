// One answer of a worker.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "run/samples.h"
#include "worker/worker_private.h"

#define ID_RECORD_BITS 48

// The line of drops.jsonl about a row.
static void add_drop(struct strings *drops, const struct worker *worker, const struct worker_row *row) {
    const json_int_t source = row->id >> ID_RECORD_BITS, record = row->id & (((int64_t)1 << ID_RECORD_BITS) - 1);
    json_t *drop = json_pack("{s:s, s:I, s:I, s:I}", "edge", worker->edge, "id", (json_int_t)row->id, "source", source,
                             "record", record);
    if (row->name && utf8_valid(row->name, strlen(row->name)))
        json_object_set_new(drop, "name", json_string(row->name));
    const bool readable = utf8_valid(row->dropped, strlen(row->dropped));
    json_object_set_new(drop, "reason", json_string(readable ? row->dropped : "unreadable"));
    char *line = json_dumps(drop, JSON_COMPACT);
    strings_add_text(drops, line);
    free(line);
    json_decref(drop);
}

static void add_strings(struct message *message, const char *name, const struct strings *list) {
    if (list->count) message_add_strings(message, name, (const char *const *)list->item, (int)list->count);
}

static int make_rows(const struct worker *worker, struct message *message) {
    const struct unit unit = message->unit;
    struct strings names = {0}, drops = {0};
    int64_t *ids = message_add(message, TENSOR_IDS, DT_I64, SHAPE(unit.samples));
    void *tensor = worker->add(worker->context, message, unit.samples);
    int status = 0;
    for (int i = 0; i < unit.samples && !status; i++) {
        struct worker_row row = {0};
        status = worker->make(worker->context, tensor, i, unit.first + i, &row);
        ids[i] = row.id;
        if (row.name) strings_add_text(&names, row.name);
        if (row.dropped[0]) add_drop(&drops, worker, &row);
    }
    add_strings(message, TENSOR_NAMES, &names);
    add_strings(message, TENSOR_DROPS, &drops);
    strings_release(&names);
    strings_release(&drops);
    return status;
}

int worker_make(const struct worker *worker, struct unit unit, struct message **message) {
    int64_t samples;
    bool growing;
    *message = NULL;
    int status = worker->count(worker->context, &samples, &growing);
    if (status) return status;
    const int64_t left = samples - unit.first;
    if (left < unit.samples && growing) return 0;
    if (left < unit.samples) unit.samples = left > 0 ? (int32_t)left : 0;
    if (unit.samples) status = worker->filled(worker->context, unit.first, unit.samples, &unit.samples);
    if (status) return status;
    *message = message_new(unit.samples ? MESSAGE_DATA : MESSAGE_END, unit);
    if (!unit.samples) return 0;
    if (worker_trains(worker->run, worker->options)) (*message)->microbatches = run_microbatches(worker->run);
    status = make_rows(worker, *message);
    if (status) message_free(message);
    return status;
}
