// CLIP's vocabulary files: any bytes are refused with a reason, or make a vocabulary that encodes within its bounds,
// and whose ids decode. What lies behind the first 0 byte is the text.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const void *state, struct tokenizer_ids has, const uint8_t *text, size_t size) {
    enum { CAPACITY = 64 };
    int32_t ids[CAPACITY];
    struct buffer decoded = {0};
    const int count = vocabulary_clip.encode(state, (const char *)text, size, ids, CAPACITY);
    if (count < 0 || count > CAPACITY) abort();
    for (int i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= has.vocab_size) abort();
    vocabulary_clip.decode(state, ids, count, &decoded);
    buffer_release(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = memchr(data, 0, size), *text = end ? end + 1 : data + size;
    struct vocabulary_file file = {
        .path = "/nonexistent/input", .bytes = data, .size = end ? (size_t)(end - data) : size};
    struct tokenizer_ids ids;
    char reason[VOCABULARY_REASON] = "";
    if (size && data[0] == 0x1f) file.size = size, text = data + size; // gzip holds zeros
    if (!size || !vocabulary_clip.matches(file.bytes, file.size)) return 0;
    void *state = vocabulary_clip.open(&file, &ids, reason);
    if (!state && !*reason) abort();
    if (state) use(state, ids, text, (size_t)(data + size - text));
    vocabulary_clip.close(state);
    return 0;
}
