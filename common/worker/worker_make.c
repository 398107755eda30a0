// One answer of a worker: the rows of a unit, with the ids and names of their samples and a line about each that could
// not be had. What a row is, the stage says (add, make); who asks, worker_serve.c and worker_record.c.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "dataset/extent.h"
#include "run/samples.h"
#include "worker/worker_private.h"

#define ID_RECORD_BITS 48

// What stands for a sample of a list.
static struct span name_of(const struct worker *worker, const struct sample *sample) {
    struct extent extent;
    if (worker->extents && extent_read(&extent, sample->line))
        return (struct span){extent.name, (size_t)extent.name_length};
    return (struct span){sample->line, strlen(sample->line)};
}

// The line of drops.jsonl about a row.
static void add_drop(struct strings *drops, const struct worker *worker, const struct sample *sample,
                     const char *reason) {
    const json_int_t source = sample->id >> ID_RECORD_BITS;
    const json_int_t record = sample->id & (((int64_t)1 << ID_RECORD_BITS) - 1);
    json_t *drop = json_pack("{s:s, s:I, s:I, s:I}", "edge", worker->edge, "id", (json_int_t)sample->id, "source",
                             source, "record", record);
    const struct span name = sample->line ? name_of(worker, sample) : (struct span){NULL, 0};
    if (sample->line && utf8_valid(name.bytes, name.size))
        json_object_set_new(drop, "name", json_stringn(name.bytes, name.size));
    const bool readable = utf8_valid(reason, strlen(reason));
    json_object_set_new(drop, "reason", json_string(readable ? reason : "unreadable"));
    char *line = json_dumps(drop, JSON_COMPACT);
    strings_add_text(drops, line);
    free(line);
    json_decref(drop);
}

static void add_strings(struct message *message, const char *name, const struct strings *list) {
    if (list->count) message_add_strings(message, name, (const char *const *)list->item, (int)list->count);
}

// The rows of a message that are made so far, and what is said of them.
struct rows {
    void *tensor;
    int64_t *ids;
    struct strings names, drops;
};

static int make_row(const struct worker *worker, struct rows *rows, int row, int64_t n) {
    struct sample sample;
    char dropped[WORKER_REASON] = "";
    int status = sources_read(worker->sources, n, &sample);
    if (status) return status;
    worker->make(worker->context, rows->tensor, row, &sample, dropped);
    rows->ids[row] = sample.id;
    const struct span name = sample.line ? name_of(worker, &sample) : (struct span){NULL, 0};
    if (sample.line) strings_add(&rows->names, name.bytes, name.size);
    if (dropped[0]) add_drop(&rows->drops, worker, &sample, dropped);
    sample_release(&sample);
    return 0;
}

static int make_rows(const struct worker *worker, struct message *message) {
    const struct unit unit = message->unit;
    struct rows rows = {.ids = message_add(message, TENSOR_IDS, DT_I64, SHAPE(unit.samples))};
    int status = 0;
    rows.tensor = worker->add(worker->context, message, unit.samples);
    for (int i = 0; i < unit.samples && !status; i++) status = make_row(worker, &rows, i, unit.first + i);
    add_strings(message, TENSOR_NAMES, &rows.names);
    add_strings(message, TENSOR_DROPS, &rows.drops);
    strings_release(&rows.names);
    strings_release(&rows.drops);
    return status;
}

int worker_make(const struct worker *worker, struct unit unit, struct message **message) {
    int64_t samples;
    bool growing;
    *message = NULL;
    int status = sources_count(worker->sources, &samples, &growing);
    if (status) return status;
    const int64_t left = samples - unit.first;
    if (left < unit.samples && growing) return 0;
    if (left < unit.samples) unit.samples = left > 0 ? (int32_t)left : 0;
    if (unit.samples) status = sources_filled(worker->sources, unit.first, unit.samples, &unit.samples);
    if (status) return status;
    *message = message_new(unit.samples ? MESSAGE_DATA : MESSAGE_END, unit);
    if (!unit.samples) return 0;
    if (worker_trains(worker)) (*message)->microbatches = run_microbatches(worker->run);
    status = make_rows(worker, *message);
    if (status) message_free(message);
    return status;
}
