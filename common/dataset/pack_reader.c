// A reader of MessagePack for bytes of others. Records come from datasets that were copied, cut or made by anybody, and
// go through here before anything is allocated: record.c calls it for each sample of each step. Items are read one at a
// time and payloads stay where they are. The codec of wire messages has its own rules and its own scan.
#include "dataset/pack_reader.h"

// What type bytes 0xc0 … 0xdf say (MessagePack specification, "Formats"): an item is the type byte, `field` bytes of
// big-endian number, and then, for a payload, as many bytes as that number says, or `fixed` where it is not 0.
// An ext's application type is the first byte of its payload.
static const struct layout {
    uint8_t kind, field, fixed;
    bool is_signed, undefined;
} layouts[32] = {
    [0x00] = {.kind = PACK_NIL},
    [0x01] = {.undefined = true},
    [0x02] = {.kind = PACK_BOOL},
    [0x03] = {.kind = PACK_BOOL},
    [0x04] = {.kind = PACK_BIN, .field = 1},
    [0x05] = {.kind = PACK_BIN, .field = 2},
    [0x06] = {.kind = PACK_BIN, .field = 4},
    [0x07] = {.kind = PACK_EXT, .field = 1},
    [0x08] = {.kind = PACK_EXT, .field = 2},
    [0x09] = {.kind = PACK_EXT, .field = 4},
    [0x0a] = {.kind = PACK_REAL, .fixed = 4},
    [0x0b] = {.kind = PACK_REAL, .fixed = 8},
    [0x0c] = {.kind = PACK_INT, .field = 1},
    [0x0d] = {.kind = PACK_INT, .field = 2},
    [0x0e] = {.kind = PACK_INT, .field = 4},
    [0x0f] = {.kind = PACK_INT, .field = 8},
    [0x10] = {.kind = PACK_INT, .field = 1, .is_signed = true},
    [0x11] = {.kind = PACK_INT, .field = 2, .is_signed = true},
    [0x12] = {.kind = PACK_INT, .field = 4, .is_signed = true},
    [0x13] = {.kind = PACK_INT, .field = 8, .is_signed = true},
    [0x14] = {.kind = PACK_EXT, .fixed = 1 + 1},
    [0x15] = {.kind = PACK_EXT, .fixed = 1 + 2},
    [0x16] = {.kind = PACK_EXT, .fixed = 1 + 4},
    [0x17] = {.kind = PACK_EXT, .fixed = 1 + 8},
    [0x18] = {.kind = PACK_EXT, .fixed = 1 + 16},
    [0x19] = {.kind = PACK_STR, .field = 1},
    [0x1a] = {.kind = PACK_STR, .field = 2},
    [0x1b] = {.kind = PACK_STR, .field = 4},
    [0x1c] = {.kind = PACK_ARRAY, .field = 2},
    [0x1d] = {.kind = PACK_ARRAY, .field = 4},
    [0x1e] = {.kind = PACK_MAP, .field = 2},
    [0x1f] = {.kind = PACK_MAP, .field = 4},
};

static size_t left(const struct pack_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

static bool read_number(struct pack_reader *reader, int bytes, uint64_t *number) {
    if (left(reader) < (size_t)bytes) return false;
    *number = 0;
    while (bytes--) *number = *number << 8 | *reader->at++;
    return true;
}

static bool take_payload(struct pack_reader *reader, struct pack_item *item, uint64_t size) {
    if (size > left(reader)) return false;
    item->bytes = reader->at;
    item->size = size;
    reader->at += size;
    return true;
}

// Every item takes a byte at least, a pair two: a count that the bytes left cannot hold is a lie, and loops over counts
// are so bounded by the size of the record.
static bool set_count(const struct pack_reader *reader, struct pack_item *item, uint64_t count) {
    item->count = count;
    return count <= left(reader) / (item->kind == PACK_MAP ? 2 : 1);
}

// Sign extension: the number is shifted up to the top and back, which copies its highest bit. The format's only integer
// that int64_t cannot hold, a u64 from 2^63 on, is refused.
static bool set_int(struct pack_item *item, const struct layout *layout, uint64_t number) {
    const int unused = 64 - 8 * layout->field;
    if (!layout->is_signed) return (item->value = (int64_t)number) >= 0;
    item->value = (int64_t)(number << unused) >> unused;
    return true;
}

// An ext's payload has its application type in front: one byte more than the number says.
static bool finish(struct pack_reader *reader, struct pack_item *item, const struct layout *layout, uint64_t number) {
    switch (item->kind) {
    case PACK_NIL:
    case PACK_BOOL: return true;
    case PACK_INT: return set_int(item, layout, number);
    case PACK_ARRAY:
    case PACK_MAP: return set_count(reader, item, number);
    case PACK_EXT: return take_payload(reader, item, layout->fixed ? layout->fixed : number + 1);
    default: return take_payload(reader, item, layout->fixed ? layout->fixed : number);
    }
}

// Type bytes that hold their number themselves: all but 0xc0 … 0xdf. Small integers below 0x80 and from 0xe0 on are the
// byte read as signed; 0x80 … 0x8f are maps, 0x90 … 0x9f arrays, 0xa0 … 0xbf texts, with their counts in the low bits.
static bool finish_small(struct pack_reader *reader, struct pack_item *item, uint8_t type) {
    if (type < 0x80 || type >= 0xe0) {
        *item = (struct pack_item){.kind = PACK_INT, .value = (int8_t)type};
        return true;
    }
    if (type >= 0xa0) {
        item->kind = PACK_STR;
        return take_payload(reader, item, type & 0x1f);
    }
    item->kind = type < 0x90 ? PACK_MAP : PACK_ARRAY;
    return set_count(reader, item, type & 0x0f);
}

// E.g. a3 66 6f 78 is the text "fox": 0xa3 is below 0xc0 and holds its length 3. c4 03 … is three bytes of bin: layout
// 0x04 has a field of one byte, which says 3.
bool pack_next(struct pack_reader *reader, struct pack_item *item) {
    *item = (struct pack_item){0};
    if (!left(reader)) return false;
    const uint8_t type = *reader->at++;
    if (type < 0xc0 || type >= 0xe0) return finish_small(reader, item, type);
    const struct layout *layout = &layouts[type - 0xc0];
    if (layout->undefined) return false;
    uint64_t number;
    item->kind = layout->kind;
    if (item->kind == PACK_BOOL) item->value = type == 0xc3;
    return read_number(reader, layout->field, &number) && finish(reader, item, layout, number);
}

static uint64_t held(const struct pack_item *item) {
    return item->kind == PACK_MAP ? 2 * item->count : item->count;
}

// `pending` items are still to come; each that is read is one less and as many more as it holds. So nesting is a number
// and not a recursion.
bool pack_skip(struct pack_reader *reader, const struct pack_item *item) {
    struct pack_item inner;
    for (uint64_t pending = held(item); pending; pending += held(&inner) - 1)
        if (!pack_next(reader, &inner)) return false;
    return true;
}
