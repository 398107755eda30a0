// Numbers of any type as double, for `watch`'s statistics and `diff`'s errors. Exact for all but i64 beyond 2^53, which
// only ids reach, of the datasets far down a list.
#include <inttypes.h>
#include <string.h>

#include "tap.h"

bool is_among(const char *name, const struct strings *names) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->item[i], name) == 0) return true;
    return names->count == 0;
}

double tensor_value(const struct tensor *tensor, int64_t index) {
    const void *data = tensor->data;
    switch (tensor->dtype) {
    case DT_U8: return ((const uint8_t *)data)[index];
    case DT_I32: return ((const int32_t *)data)[index];
    case DT_I64: return (double)((const int64_t *)data)[index];
    case DT_F32: return (double)((const float *)data)[index];
    case DT_BF16: return (double)bf16_to_f32(((const uint16_t *)data)[index]);
    case DT_F16: return (double)f16_to_f32(((const uint16_t *)data)[index]);
    case DT_F64: return ((const double *)data)[index];
    default: bug("dtype %d", (int)tensor->dtype);
    }
}

void field_format(struct buffer *text, const struct message_field *field) {
    buffer_format(text, "%s ", field->name);
    if (field->kind == FIELD_INT) buffer_format(text, "%" PRId64, field->integer);
    if (field->kind == FIELD_REAL) buffer_format(text, "%.17g", field->real);
    if (field->kind == FIELD_TEXT) buffer_format(text, "\"%s\"", field->text);
}
