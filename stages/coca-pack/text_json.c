// JSON holds UTF-8 only, and jansson refuses a string that is not: then a line of a list, or the whole description,
// would be lost for one bad byte. Names and captions of others go through here.
#include "text_json.h"

#include "base/utf8.h"

// Appends the character at the text's begin, or U+FFFD for a byte that begins none; how many bytes it took. A valid
// prefix of 1 to 4 bytes is one character, since shorter ones were tried before.
static size_t append_character(struct buffer *text, const char *bytes, size_t size) {
    for (size_t length = 1; length <= 4 && length <= size; length++)
        if (utf8_valid(bytes, length)) {
            buffer_append(text, bytes, length);
            return length;
        }
    buffer_text(text, "\xef\xbf\xbd");
    return 1;
}

json_t *text_json(struct span text) {
    struct buffer valid = {0};
    buffer_text(&valid, "");
    for (size_t at = 0; at < text.size;) at += append_character(&valid, (const char *)text.bytes + at, text.size - at);
    json_t *json = json_stringn(valid.bytes, valid.size);
    buffer_release(&valid);
    return json;
}

json_t *texts_json(const struct span *texts, int count) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(array, text_json(texts[i]));
    return array;
}
