// JSON holds UTF-8 only, and jansson refuses a string that is not: then a line of a list, or the whole description,
// would be lost for one bad byte. Names and captions of others go through here.
#include "text_json.h"

#include "base/text.h"
#include "base/utf8.h"

// The text as `spell` appends it, which makes UTF-8 of it.
static json_t *spelled(struct span text, void (*spell)(struct buffer *out, const char *text, size_t size)) {
    struct buffer valid = {0};
    buffer_text(&valid, "");
    spell(&valid, text.bytes, text.size);
    json_t *json = json_stringn(valid.bytes, valid.size);
    buffer_release(&valid);
    return json;
}

json_t *text_json(struct span text) {
    return spelled(text, utf8_repair);
}

json_t *texts_json(const struct span *texts, int count) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(array, text_json(texts[i]));
    return array;
}

json_t *name_json(struct span name) {
    return spelled(name, text_escape);
}
