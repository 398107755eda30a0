// Any bytes are refused, or decode to a record that encodes and decodes to itself.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct record *record, struct buffer *bytes) {
    buffer_clear(bytes);
    record_encode(record, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct record record, again;
    char reason[RECORD_REASON];
    if (record_decode(&record, data, size, reason)) return 0;
    struct buffer once = {0}, twice = {0};
    encode(&record, &once);
    if (record_decode(&again, once.bytes, once.size, reason)) abort();
    encode(&again, &twice);
    if (once.size != twice.size || memcmp(once.bytes, twice.bytes, once.size)) abort();
    record_release(&record);
    record_release(&again);
    buffer_release(&once);
    buffer_release(&twice);
    return 0;
}
