// A header's bytes from a message and back. Plain keys stand in one table for both ways; fields and tensors are read by
// hand, and whatever a peer could lie about is compared before it is believed: lengths, ranges, names, shapes against
// bytes. frames.c and recording.c call it, with scan.c in front of msgpack-c.
#include "wire/codec.h"

#include <inttypes.h>
#include <limits.h>
#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "wire/scan.h"

// The header's plain keys, read and written alike. `size` is that of the integer, or of the text with its NUL.
struct header_key {
    const char *name;
    bool text;
    size_t offset, size;
    int64_t low, high;
};
#define INTEGER(name, field, low, high)                                                                                \
    { name, false, offsetof(struct message, field), sizeof(((struct message *)0)->field), low, high }
#define TEXT(name, field)                                                                                              \
    { name, true, offsetof(struct message, field), sizeof(((struct message *)0)->field), 0, 0 }
static const struct header_key header_keys[] = {
    INTEGER("version", version, 1, INT_MAX),
    TEXT("run", run),
    INTEGER("generation", generation, 0, INT64_MAX),
    INTEGER("step", unit.step, -1, INT64_MAX),
    INTEGER("microbatch", unit.microbatch, -1, INT32_MAX),
    INTEGER("microbatches", microbatches, 0, INT32_MAX),
    TEXT("from", from),
    INTEGER("rank", rank, 0, INT32_MAX),
    INTEGER("first", unit.first, 0, INT64_MAX),
    INTEGER("samples", unit.samples, 0, INT32_MAX),
};
enum { HEADER_KEYS = sizeof header_keys / sizeof *header_keys };

// --- Encoding

static int append(void *buffer, const char *bytes, size_t size) {
    buffer_append(buffer, bytes, size);
    return 0;
}

static void pack_text(msgpack_packer *packer, const char *text) {
    size_t length = strlen(text);
    msgpack_pack_str(packer, length);
    msgpack_pack_str_body(packer, text, length);
}

static void pack_key(msgpack_packer *packer, const struct header_key *key, const struct message *message) {
    const char *field = (const char *)message + key->offset;
    pack_text(packer, key->name);
    if (key->text)
        pack_text(packer, field);
    else if (key->size == sizeof(int64_t))
        msgpack_pack_int64(packer, *(const int64_t *)(const void *)field);
    else
        msgpack_pack_int32(packer, *(const int32_t *)(const void *)field);
}

static void pack_field(msgpack_packer *packer, const struct message_field *field) {
    pack_text(packer, field->name);
    switch (field->kind) {
    case FIELD_INT: msgpack_pack_int64(packer, field->integer); return;
    case FIELD_REAL: msgpack_pack_double(packer, field->real); return;
    case FIELD_TEXT: pack_text(packer, field->text); return;
    }
}

static void pack_tensor(msgpack_packer *packer, const struct tensor *tensor, bool shared) {
    msgpack_pack_map(packer, 5);
    pack_text(packer, "name");
    pack_text(packer, tensor->name);
    pack_text(packer, "dtype");
    pack_text(packer, dtype_name(tensor->dtype));
    pack_text(packer, "shape");
    msgpack_pack_array(packer, (size_t)tensor->shape.rank);
    for (int i = 0; i < tensor->shape.rank; i++) msgpack_pack_int64(packer, tensor->shape.dim[i]);
    pack_text(packer, "bytes");
    msgpack_pack_int64(packer, tensor_bytes(tensor));
    pack_text(packer, "place");
    msgpack_pack_int32(packer, shared);
}

void message_encode_header(const struct message *message, struct buffer *bytes) {
    msgpack_packer packer;
    size_t before = bytes->size;
    msgpack_packer_init(&packer, bytes, append);
    msgpack_pack_map(&packer, HEADER_KEYS + 3);
    pack_text(&packer, "kind");
    pack_text(&packer, message_name(message));
    for (int i = 0; i < HEADER_KEYS; i++) pack_key(&packer, &header_keys[i], message);
    pack_text(&packer, "fields");
    msgpack_pack_map(&packer, (size_t)message->field_count);
    for (int i = 0; i < message->field_count; i++) pack_field(&packer, &message->field[i]);
    pack_text(&packer, "tensors");
    msgpack_pack_array(&packer, (size_t)message->tensor_count);
    for (int i = 0; i < message->tensor_count; i++) pack_tensor(&packer, &message->tensor[i], message->shared[i]);
    if (bytes->size - before > WIRE_HEADER_LIMIT) bug("a header of %zu bytes", bytes->size - before);
}

// --- Decoding. The first failure sticks and later reads do nothing, so the callers read straight on.

struct reader {
    char *reason; // WIRE_REASON bytes
    bool failed;
};

static void fail(struct reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
static void fail(struct reader *reader, const char *format, ...) {
    va_list list;
    if (reader->failed) return;
    reader->failed = true;
    va_start(list, format);
    vsnprintf(reader->reason, WIRE_REASON, format, list);
    va_end(list);
}

static bool text_is(const msgpack_object *object, const char *text) {
    return object->via.str.size == strlen(text) && memcmp(object->via.str.ptr, text, object->via.str.size) == 0;
}

// The value of a key. After a failure it is nil, which no reader below takes for anything else.
static const msgpack_object *find(struct reader *reader, const msgpack_object *map, const char *key) {
    static const msgpack_object nothing = {.type = MSGPACK_OBJECT_NIL};
    for (uint32_t i = 0; i < map->via.map.size && !reader->failed; i++)
        if (text_is(&map->via.map.ptr[i].key, key)) return &map->via.map.ptr[i].val;
    fail(reader, "'%s' is missing", key);
    return &nothing;
}

static const msgpack_object *find_typed(struct reader *reader, const msgpack_object *map, const char *key,
                                        msgpack_object_type type) {
    const msgpack_object *object = find(reader, map, key);
    if (object->type != type) fail(reader, "'%s' has the wrong type", key);
    return object;
}

static bool integer_of(const msgpack_object *object, int64_t *value) {
    *value = object->via.i64;
    return object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
           (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX);
}

static int64_t read_integer(struct reader *reader, const msgpack_object *map, const char *key, int64_t low,
                            int64_t high) {
    int64_t value;
    if (integer_of(find(reader, map, key), &value) && value >= low && value <= high) return value;
    fail(reader, "'%s' is not a whole number in its range", key);
    return 0;
}

static bool printable(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) return false;
    return utf8_valid(text, size);
}

// `limit` counts the NUL.
static void copy_text(struct reader *reader, const msgpack_object *object, const char *key, char *text, size_t limit) {
    if (object->type != MSGPACK_OBJECT_STR || object->via.str.size >= limit ||
        !printable(object->via.str.ptr, object->via.str.size)) {
        fail(reader, "'%s' is not a printable text of at most %zu bytes", key, limit - 1);
        return;
    }
    memcpy(text, object->via.str.ptr, object->via.str.size);
    text[object->via.str.size] = 0;
}

static void read_key(struct reader *reader, const msgpack_object *map, const struct header_key *key,
                     struct message *message) {
    char *field = (char *)message + key->offset;
    if (key->text) {
        copy_text(reader, find(reader, map, key->name), key->name, field, key->size);
        return;
    }
    int64_t value = read_integer(reader, map, key->name, key->low, key->high);
    if (key->size == sizeof(int64_t))
        *(int64_t *)(void *)field = value;
    else
        *(int32_t *)(void *)field = (int32_t)value;
}

static void read_kind(struct reader *reader, const msgpack_object *map, struct message *message) {
    char name[WIRE_NAME];
    copy_text(reader, find_typed(reader, map, "kind", MSGPACK_OBJECT_STR), "kind", name, sizeof name);
    if (reader->failed) return;
    message->kind = message_kind_of(name);
    if (message->kind != MESSAGE_TOLD) return;
    if (!message_word_valid(name)) fail(reader, "'kind' is no word");
    strcpy(message->word, name);
}

static void read_field(struct reader *reader, const msgpack_object_kv *entry, struct message_field *field) {
    copy_text(reader, &entry->key, "a field's name", field->name, sizeof field->name);
    if (integer_of(&entry->val, &field->integer)) {
        field->kind = FIELD_INT;
    } else if (entry->val.type == MSGPACK_OBJECT_FLOAT64 || entry->val.type == MSGPACK_OBJECT_FLOAT32) {
        field->kind = FIELD_REAL;
        field->real = entry->val.via.f64;
    } else {
        field->kind = FIELD_TEXT;
        copy_text(reader, &entry->val, "a field", field->text, sizeof field->text);
    }
}

static void read_fields(struct reader *reader, const msgpack_object *map, struct message *message) {
    const msgpack_object *fields = find_typed(reader, map, "fields", MSGPACK_OBJECT_MAP);
    if (!reader->failed && fields->via.map.size > WIRE_FIELDS) fail(reader, "more than %d fields", WIRE_FIELDS);
    if (reader->failed) return;
    for (uint32_t i = 0; i < fields->via.map.size; i++) read_field(reader, &fields->via.map.ptr[i], &message->field[i]);
    message->field_count = (int)fields->via.map.size;
}

static void read_dtype(struct reader *reader, const msgpack_object *map, struct tensor *tensor) {
    const msgpack_object *word = find_typed(reader, map, "dtype", MSGPACK_OBJECT_STR);
    if (reader->failed) return;
    for (int type = 0; type < DTYPE_COUNT; type++)
        if (type != DT_F64 && text_is(word, dtype_name(type))) {
            tensor->dtype = type;
            return;
        }
    fail(reader, "tensor '%s' has an unknown dtype", tensor->name);
}

static void read_shape(struct reader *reader, const msgpack_object *map, struct tensor *tensor) {
    const msgpack_object *dims = find_typed(reader, map, "shape", MSGPACK_OBJECT_ARRAY);
    if (!reader->failed && dims->via.array.size > TENSOR_DIMS)
        fail(reader, "tensor '%s' has more than %d dimensions", tensor->name, TENSOR_DIMS);
    if (reader->failed) return;
    tensor->shape.rank = (int)dims->via.array.size;
    for (int i = 0; i < tensor->shape.rank; i++)
        if (!integer_of(&dims->via.array.ptr[i], &tensor->shape.dim[i]) || tensor->shape.dim[i] < 0)
            fail(reader, "tensor '%s' has a dimension that is no size", tensor->name);
}

// `before` tensors have been read; a name among them is refused. *bytes is the length of its frame.
static void read_tensor(struct reader *reader, const msgpack_object *map, struct message *message, int before,
                        int64_t *bytes) {
    struct tensor *tensor = &message->tensor[before];
    if (map->type != MSGPACK_OBJECT_MAP) fail(reader, "a tensor is not a map");
    if (reader->failed) return;
    copy_text(reader, find(reader, map, "name"), "name", tensor->name, sizeof tensor->name);
    read_dtype(reader, map, tensor);
    read_shape(reader, map, tensor);
    *bytes = read_integer(reader, map, "bytes", 0, INT64_MAX);
    message->shared[before] = read_integer(reader, map, "place", 0, 1);
    if (reader->failed) return;
    if (shape_bytes(tensor->shape, tensor->dtype) != *bytes)
        fail(reader, "tensor '%s' says %" PRId64 " bytes, which its shape does not make", tensor->name, *bytes);
    for (int i = 0; i < before; i++)
        if (strcmp(message->tensor[i].name, tensor->name) == 0) fail(reader, "tensor '%s' stands twice", tensor->name);
    if (message->shared[before]) *bytes = sizeof(struct shared_place);
}

static void read_tensors(struct reader *reader, const msgpack_object *map, struct message *message, int64_t *bytes) {
    const msgpack_object *tensors = find_typed(reader, map, "tensors", MSGPACK_OBJECT_ARRAY);
    if (!reader->failed && tensors->via.array.size > WIRE_TENSORS) fail(reader, "more than %d tensors", WIRE_TENSORS);
    if (reader->failed) return;
    for (uint32_t i = 0; i < tensors->via.array.size; i++)
        read_tensor(reader, &tensors->via.array.ptr[i], message, (int)i, &bytes[i]);
    message->tensor_count = (int)tensors->via.array.size;
}

// A peer of another version can only be told so: its hello and refuse keep their meaning, the rest is not read.
static void check_version(struct reader *reader, const struct message *message) {
    if (message->version != WIRE_VERSION && message->kind != MESSAGE_HELLO && message->kind != MESSAGE_REFUSE)
        fail(reader, "wire version %d where %d is spoken", message->version, WIRE_VERSION);
}

static void read_header(struct reader *reader, const msgpack_object *map, struct message *message, int64_t *bytes) {
    if (map->type != MSGPACK_OBJECT_MAP) {
        fail(reader, "the header is not a map");
        return;
    }
    read_kind(reader, map, message);
    for (int i = 0; i < HEADER_KEYS; i++) read_key(reader, map, &header_keys[i], message);
    check_version(reader, message);
    read_fields(reader, map, message);
    read_tensors(reader, map, message, bytes);
}

int message_decode_header(struct message *message, int64_t bytes[WIRE_TENSORS], const void *header, size_t size,
                          char reason[WIRE_REASON]) {
    struct reader reader = {reason, false};
    const char *scanned;
    msgpack_unpacked unpacked;
    size_t offset = 0;
    if (size > WIRE_HEADER_LIMIT)
        fail(&reader, "a header of %zu bytes, more than %d", size, WIRE_HEADER_LIMIT);
    else if (!scan_msgpack(header, size, WIRE_DEPTH_LIMIT, &scanned))
        fail(&reader, "%s", scanned);
    if (reader.failed) return -EXIT_RUN;

    msgpack_unpacked_init(&unpacked);
    msgpack_unpack_return outcome = msgpack_unpack_next(&unpacked, header, size, &offset);
    if (outcome == MSGPACK_UNPACK_NOMEM_ERROR) die(EXIT_RUN, "out of memory in msgpack");
    if (outcome == MSGPACK_UNPACK_SUCCESS)
        read_header(&reader, &unpacked.data, message, bytes);
    else
        fail(&reader, "the header is not MessagePack");
    msgpack_unpacked_destroy(&unpacked);
    if (reader.failed) message->tensor_count = message->field_count = 0;
    return reader.failed ? -EXIT_RUN : 0;
}
