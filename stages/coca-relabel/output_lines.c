// A line for each sample: that of a list of JSON lines, edited; of tars and folders their JSON, with the key that finds
// the picture again.
#include "output_private.h"

#include <string.h>

static const char *as_json(struct buffer *out, const struct buffer *text) {
    buffer_clear(out);
    json_text(out, text->bytes ? text->bytes : "", text->size);
    return out->bytes;
}

static void strip_end(struct buffer *text) {
    while (text->size && strchr("\r\n", text->bytes[text->size - 1])) text->bytes[--text->size] = 0;
}

static char *edit_line(struct output *output, const struct sample *sample, const struct result *result) {
    struct json_field fields[OUTPUT_FIELDS];
    if (!result) {
        buffer_append(&output->json, sample->json.bytes, sample->json.size);
        return NULL;
    }
    return json_edit(&output->json, sample->json.bytes, sample->json.size, fields,
                     output_fields(output, result, true, fields));
}

// The object that is there, else one of the sample's key and text.
static char *make_line(struct output *output, const struct sample *sample, const struct result *result) {
    struct json_field fields[OUTPUT_FIELDS];
    int count = 0;
    fields[count++] = (struct json_field){"key", as_json(&output->key, &sample->key), true};
    struct buffer text = {0}, shown = {0}, object = {0};
    buffer_append(&text, sample->text.bytes, sample->text.size);
    strip_end(&text);
    if (!sample->has_json && text.size) fields[count++] = (struct json_field){"caption", as_json(&shown, &text), true};
    if (result) count += output_fields(output, result, true, fields + count);
    json_on_one_line(&object, sample->has_json ? sample->json.bytes : "{}", sample->has_json ? sample->json.size : 2);
    char *defect = json_edit(&output->json, object.bytes, object.size, fields, count);
    buffer_release(&text);
    buffer_release(&shown);
    buffer_release(&object);
    return defect;
}

// What cannot be edited stays what it was, as far as that is a line.
static void write_unedited(struct output *output, const struct sample *sample) {
    buffer_clear(&output->json);
    if (output->shard->kind == SHARD_LINES)
        buffer_append(&output->json, sample->json.bytes, sample->json.size);
    else
        buffer_format(&output->json, "{\"key\": %s}", as_json(&output->key, &sample->key));
}

int output_add_line(struct output *output, const struct sample *sample, const struct result *result, char **defect) {
    if (!sample->is_one) return 0;
    buffer_clear(&output->json);
    char *failure =
        output->shard->kind == SHARD_LINES ? edit_line(output, sample, result) : make_line(output, sample, result);
    if (failure) write_unedited(output, sample);
    const struct buffer *line = &output->json;
    packed_write(output->packed, line->bytes, line->size);
    if (!line->size || line->bytes[line->size - 1] != '\n') packed_write(output->packed, "\n", 1);
    *defect = failure;
    return 0;
}
