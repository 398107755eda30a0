// Reads MessagePack item by item from bytes that may lie: no length is believed beyond the bytes that are left, and
// nothing is allocated. (msgpack-c's own reader reserves what a forged count asks for.)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pack_kind { PACK_NIL, PACK_BOOL, PACK_INT, PACK_REAL, PACK_STR, PACK_BIN, PACK_EXT, PACK_ARRAY, PACK_MAP };

struct pack_item {
    enum pack_kind kind;
    int64_t value;        // bool and int
    uint64_t count;       // items of an array, pairs of a map: at most the bytes left
    const uint8_t *bytes; // payload of str, bin, ext and real, of `size` bytes
    size_t size;
};

struct pack_reader {
    const uint8_t *at, *end;
};

// False when the bytes end early, a count exceeds them, an integer is above INT64_MAX, or the type byte is undefined.
bool pack_next(struct pack_reader *reader, struct pack_item *item);
// Skips what an item that pack_next gave holds; nesting of any depth costs no stack.
bool pack_skip(struct pack_reader *reader, const struct pack_item *item);
