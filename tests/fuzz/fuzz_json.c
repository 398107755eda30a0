// Any bytes are refused with a place in them, or are a document: what is read is read again from its own spelling.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_error_t place;
    json_t *document = json_parse((const char *)data, size, &place);
    if (!document && (place.line < 1 || (size_t)place.line > size + 1 || place.column > (int)size)) abort();
    if (!document) return 0;
    char *text = json_dumps(document, JSON_REAL_PRECISION(17));
    json_t *again = text ? json_parse(text, strlen(text), &place) : NULL;
    if (!again || !json_equal(again, document)) abort();
    json_decref(document);
    json_decref(again);
    free(text);
    return 0;
}
