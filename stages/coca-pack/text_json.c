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

static json_t *texts_json(const struct span *texts, int count) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(array, text_json(texts[i]));
    return array;
}

static void set_text(json_t *json, const char *key, struct span text) {
    if (text.size) json_object_set_new(json, key, text_json(text));
}

static void set_texts(json_t *json, const char *key, const struct span *texts, int count) {
    if (count) json_object_set_new(json, key, texts_json(texts, count));
}

void record_texts_json(json_t *json, const struct record *record) {
    set_texts(json, "captions", record->captions, record->caption_count);
    set_texts(json, "labels", record->labels, record->label_count);
    set_text(json, "question", record->question);
    set_texts(json, "answers", record->answers, record->answer_count);
    set_text(json, "answer", record->answer);
    set_text(json, "question_type", record->question_type);
    set_text(json, "answer_type", record->answer_type);
}

json_t *name_json(struct span name) {
    return spelled(name, text_escape);
}
