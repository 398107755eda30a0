// Any bytes are refused, or are a header that encodes and decodes to itself.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(struct message **message, const void *header, size_t size) {
    int64_t lengths[WIRE_TENSORS];
    char reason[WIRE_REASON] = "";
    *message = message_new(MESSAGE_PROBE, (struct unit){0});
    int status = message_decode_header(*message, lengths, header, size, reason);
    if (status && !reason[0]) abort();
    for (int i = 0; i < (*message)->tensor_count; i++) {
        bool shared = (*message)->shared[i];
        if (lengths[i] != (shared ? (int64_t)sizeof(struct shared_place) : tensor_bytes(&(*message)->tensor[i])))
            abort();
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct message *message, *again;
    if (decode(&message, data, size)) {
        message_free(&message);
        return 0;
    }
    struct buffer once = {0}, twice = {0};
    message_encode_header(message, &once);
    if (decode(&again, once.bytes, once.size)) abort();
    message_encode_header(again, &twice);
    if (once.size != twice.size || memcmp(once.bytes, twice.bytes, once.size) != 0) abort();
    message_free(&message);
    message_free(&again);
    buffer_release(&once);
    buffer_release(&twice);
    return 0;
}
