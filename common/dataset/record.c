// The record's two forms, a struct that borrows and MessagePack, by one table of fields: encoding, decoding, names and
// the set of fields all read it, and a new field is a row and a member. store_writer.c encodes, sources.c and coca-pack
// decode. Reading copies no picture and no text; only arrays of spans are allocated.
#include "dataset/record.h"

#include <msgpack.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "dataset/pack_reader.h"

// Keys of one map, unknown ones included.
#define KEYS_LIMIT 64

// `one` is a span, or the integer; `many` an array of spans with its count.
static const struct field {
    const char *name;
    enum pack_kind kind;
    bool is_array;
    size_t offset, count_offset;
    int limit;
} fields[RECORD_FIELDS] = {
#define ONE(name, kind)                                                                                                \
    { #name, kind, false, offsetof(struct record, name), 0, 0 }
#define MANY(name, kind, count, limit)                                                                                 \
    { #name, kind, true, offsetof(struct record, name), offsetof(struct record, count), limit }
    ONE(image, PACK_BIN),
    MANY(images, PACK_BIN, image_count, RECORD_IMAGES_LIMIT),
    MANY(captions, PACK_STR, caption_count, RECORD_TEXTS_LIMIT),
    MANY(labels, PACK_STR, label_count, RECORD_TEXTS_LIMIT),
    ONE(question, PACK_STR),
    MANY(answers, PACK_STR, answer_count, RECORD_TEXTS_LIMIT),
    ONE(class, PACK_INT),
    ONE(id, PACK_STR),
    ONE(video, PACK_BIN),
    ONE(question_type, PACK_STR),
    ONE(answer_type, PACK_STR),
    ONE(answer, PACK_STR),
#undef ONE
#undef MANY
};

const char *record_field_name(int field) {
    return fields[field].name;
}

unsigned record_field_bit(const char *name) {
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (!strcmp(name, fields[i].name)) return 1u << i;
    return 0;
}

// The member of `record` that a field fills.
// Fields are found by their offsets, so encoder and decoder are loops over the table; the table alone says which member
// has which type.
static void *member(const struct record *record, size_t offset) {
    return (char *)record + offset;
}

static struct span **array_of(const struct record *record, const struct field *field) {
    return member(record, field->offset);
}

static int *count_of(const struct record *record, const struct field *field) {
    return member(record, field->count_offset);
}

void record_release(struct record *record) {
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (fields[i].is_array) free(*array_of(record, &fields[i]));
    buffer_release(&record->memory);
    *record = RECORD_EMPTY;
}

// Empty is absent: a record has no empty fields, so decoding gives what was encoded.
static bool has_field(const struct record *record, const struct field *field) {
    if (field->is_array) return *count_of(record, field) > 0;
    if (field->kind == PACK_INT) return record->class >= 0;
    return ((struct span *)member(record, field->offset))->size > 0;
}

unsigned record_fields(const struct record *record) {
    unsigned set = 0;
    for (int i = 0; i < RECORD_FIELDS; i++) set |= (unsigned)has_field(record, &fields[i]) << i;
    return set;
}

static int append_bytes(void *buffer, const char *bytes, size_t size) {
    buffer_append(buffer, bytes, size);
    return 0;
}

static void pack_span(msgpack_packer *packer, enum pack_kind kind, struct span span) {
    if (kind == PACK_BIN)
        msgpack_pack_bin_with_body(packer, span.bytes, span.size);
    else
        msgpack_pack_str_with_body(packer, span.bytes, span.size);
}

static void pack_field(msgpack_packer *packer, const struct record *record, const struct field *field) {
    msgpack_pack_str_with_body(packer, field->name, strlen(field->name));
    if (field->kind == PACK_INT) {
        msgpack_pack_int64(packer, record->class);
    } else if (!field->is_array) {
        pack_span(packer, field->kind, *(struct span *)member(record, field->offset));
    } else {
        const int count = *count_of(record, field);
        msgpack_pack_array(packer, (size_t)count);
        for (int i = 0; i < count; i++) pack_span(packer, field->kind, (*array_of(record, field))[i]);
    }
}

// Fields come in the table's order and absent ones not at all, so equal records are equal bytes, and fingerprints of
// datasets can be compared.
void record_encode(const struct record *record, struct buffer *bytes) {
    const unsigned set = record_fields(record);
    msgpack_packer packer;
    msgpack_packer_init(&packer, bytes, append_bytes);
    msgpack_pack_map(&packer, (size_t)__builtin_popcount(set));
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (set >> i & 1) pack_field(&packer, record, &fields[i]);
}

struct decoding {
    struct pack_reader reader;
    struct record *record;
    struct span keys[KEYS_LIMIT];
    int key_count;
    char *reason;
};

static int refuse(struct decoding *decoding, const char *format, ...) PRINTF_LIKE(2, 3);
static int refuse(struct decoding *decoding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decoding->reason, RECORD_REASON, format, arguments);
    va_end(arguments);
    return -EXIT_DATA;
}

static int refuse_cut(struct decoding *decoding) {
    return refuse(decoding, "the record is cut or not MessagePack");
}

static bool same(struct span a, struct span b) {
    return a.size == b.size && !memcmp(a.bytes, b.bytes, a.size);
}

// A key that stands twice is refused, as readers would differ over which one counts. Keys are few: comparing all is
// fine.
static int note_key(struct decoding *decoding, struct span key) {
    for (int i = 0; i < decoding->key_count; i++)
        if (same(key, decoding->keys[i]))
            return refuse(decoding, "the key \"%.*s\" stands twice", key.size < 40 ? (int)key.size : 40,
                          (const char *)key.bytes);
    if (decoding->key_count == KEYS_LIMIT) return refuse(decoding, "more than %d keys", KEYS_LIMIT);
    decoding->keys[decoding->key_count++] = key;
    return 0;
}

static const struct field *find_field(struct span key) {
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (same(key, (struct span){fields[i].name, strlen(fields[i].name)})) return &fields[i];
    return NULL;
}

static const char *kind_name(enum pack_kind kind) {
    return kind == PACK_BIN ? "bytes (bin)" : kind == PACK_STR ? "text (str)" : "a whole number";
}

static int decode_one(struct decoding *decoding, const struct field *field, const struct pack_item *item) {
    if (item->kind != field->kind) return refuse(decoding, "\"%s\" is not %s", field->name, kind_name(field->kind));
    if (field->kind == PACK_INT && item->value < 0) return refuse(decoding, "\"%s\" is negative", field->name);
    if (field->kind == PACK_INT)
        decoding->record->class = item->value;
    else
        *(struct span *)member(decoding->record, field->offset) = (struct span){item->bytes, item->size};
    return 0;
}

// The count is checked against the field's limit before the array is allocated, and each item before it is believed.
static int decode_many(struct decoding *decoding, const struct field *field, const struct pack_item *array) {
    if (array->kind != PACK_ARRAY) return refuse(decoding, "\"%s\" is not an array", field->name);
    if (array->count > (uint64_t)field->limit)
        return refuse(decoding, "\"%s\" has %llu items, more than %d", field->name, (unsigned long long)array->count,
                      field->limit);
    if (!array->count) return 0;
    struct span *spans = xcalloc(array->count, sizeof *spans);
    *array_of(decoding->record, field) = spans;
    *count_of(decoding->record, field) = (int)array->count;
    struct pack_item item;
    for (uint64_t i = 0; i < array->count; i++) {
        if (!pack_next(&decoding->reader, &item)) return refuse_cut(decoding);
        if (item.kind != field->kind)
            return refuse(decoding, "\"%s\" holds what is not %s", field->name, kind_name(field->kind));
        spans[i] = (struct span){item.bytes, item.size};
    }
    return 0;
}

// An unknown key is a field of a later version: its value is skipped, whatever it holds. nil is as if the key were not
// there.
static int decode_pair(struct decoding *decoding) {
    struct pack_item key, value;
    if (!pack_next(&decoding->reader, &key)) return refuse_cut(decoding);
    if (key.kind != PACK_STR) return refuse(decoding, "a key is not text (str)");
    const struct span name = {key.bytes, key.size};
    int status = note_key(decoding, name);
    if (status) return status;
    if (!pack_next(&decoding->reader, &value)) return refuse_cut(decoding);
    const struct field *field = find_field(name);
    if (field && value.kind != PACK_NIL)
        return field->is_array ? decode_many(decoding, field, &value) : decode_one(decoding, field, &value);
    return pack_skip(&decoding->reader, &value) ? 0 : refuse_cut(decoding);
}

// A record is one map, {"image": bin, "captions": [str …], "class": int, "id": str, …}, keys in any order.
static int decode_map(struct decoding *decoding) {
    struct pack_item map;
    if (!pack_next(&decoding->reader, &map)) return refuse_cut(decoding);
    if (map.kind != PACK_MAP) return refuse(decoding, "the record is not a map");
    for (uint64_t i = 0; i < map.count; i++) {
        int status = decode_pair(decoding);
        if (status) return status;
    }
    if (decoding->reader.at != decoding->reader.end) return refuse(decoding, "bytes follow the record");
    return 0;
}

// All bytes must be used: what follows a record would be read by nobody, and mostly is a sign of a wrong length.
int record_decode(struct record *record, const void *bytes, size_t size, char reason[RECORD_REASON]) {
    *record = RECORD_EMPTY;
    struct decoding decoding = {
        .reader = {bytes, size ? (const uint8_t *)bytes + size : bytes}, .record = record, .reason = reason};
    if (size > RECORD_BYTES_LIMIT)
        return refuse(&decoding, "the record has %zu bytes, more than %u", size, RECORD_BYTES_LIMIT);
    int status = decode_map(&decoding);
    if (status) record_release(record);
    return status;
}
