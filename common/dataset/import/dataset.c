// Datasets of our own as a format, to join, split, resize or shard anew. Records are given as they are; one that cannot
// be decoded is a defect like any other, and the rest is read. Only ids that are not UTF-8, as others may have written
// them, become what an importer makes of such a name.
#include <stdio.h>

#include "base/fail.h"
#include "base/text.h"
#include "base/utf8.h"
#include "dataset/import/formats.h"
#include "dataset/import/importer.h"
#include "dataset/store.h"

static int give(struct importer *importer, struct store *store, int64_t index) {
    struct span value;
    struct import_sample sample = {0};
    char reason[RECORD_REASON], name[4096];
    snprintf(name, sizeof name, "%s: record %lld", store_path(store), (long long)index);
    sample.name = name;
    struct buffer memory = {0};
    int status = store_get(store, index, &memory, &value);
    if (status) return status;
    if (record_decode(&sample.record, value.bytes, value.size, reason)) sample.defect = reason;
    sample.record.memory = memory;
    struct buffer escaped = {0};
    struct span *id = &sample.record.id;
    if (!utf8_valid(id->bytes, id->size)) {
        text_escape(&escaped, id->bytes, id->size);
        *id = (struct span){escaped.bytes, escaped.size};
    }
    status = importer_give(importer, &sample);
    buffer_release(&escaped);
    record_release(&sample.record);
    return status;
}

static int run(struct importer *importer, const char *path) {
    struct store *store;
    int status = store_open(&store, path);
    if (status) return status;
    for (int64_t i = 0; i < store_count(store) && !status; i++) status = give(importer, store, i);
    store_close(&store);
    return status;
}

const struct import_format import_dataset = {
    .name = "dataset",
    .summary = "cocaflow datasets, to join, split, resize or shard anew",
    .keys = "fields",
    .run = run,
};
