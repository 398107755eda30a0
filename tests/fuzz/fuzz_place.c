// Any bytes are refused, or decode to a record and places that encode and decode to themselves.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct record record, again;
    struct object_places places, same;
    struct buffer once = {0}, twice = {0};
    char reason[RECORD_REASON];
    if (place_decode(&record, &places, data, size, reason)) return 0;
    place_encode(&record, &places, &once);
    if (place_decode(&again, &same, once.bytes, once.size, reason)) abort();
    place_encode(&again, &same, &twice);
    if (once.size != twice.size || memcmp(once.bytes, twice.bytes, once.size)) abort();
    record_release(&record);
    record_release(&again);
    place_release(&places);
    place_release(&same);
    buffer_release(&once);
    buffer_release(&twice);
    return 0;
}
