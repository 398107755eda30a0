// What the dataset says of a picture whose caption came: captions.c and page.c show both. In a dataset that is read in
// order the sample's id is its record's number.
#include "truth.h"

#include <inttypes.h>
#include <stdlib.h>

int truth_find(struct truth *truth, struct store *store, int64_t id) {
    char reason[RECORD_REASON];
    int status = store_record(store, id, false, &truth->record, reason);
    if (status) return status;
    const struct span name = truth->record.id;
    truth->name = name.size ? xstrndup(name.bytes, name.size) : xformat("%" PRId64, id);
    return 0;
}

void truth_release(struct truth *truth) {
    record_release(&truth->record);
    free(truth->name);
}

// Without captions the labels say best what a picture shows.
const struct span *truth_texts(const struct truth *truth, int *count) {
    const bool captioned = truth->record.caption_count > 0;
    *count = captioned ? truth->record.caption_count : truth->record.label_count;
    return captioned ? truth->record.captions : truth->record.labels;
}
