// Any caption is cleaned to UTF-8 in which nothing is left to clean of white space, and soon.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/clean.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct cleaner *cleaner;
    struct buffer out = {0};
    if (!cleaner) cleaner = cleaner_new();
    cleaner_clean(cleaner, &out, (const char *)data, size);
    if (!utf8_valid(out.bytes, out.size)) abort();
    if (out.size && (out.bytes[0] == ' ' || out.bytes[out.size - 1] == ' ' || strstr(out.bytes, "  "))) abort();
    buffer_release(&out);
    return 0;
}
