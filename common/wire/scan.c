// A walk over a header's bytes by the format alone, before msgpack-c allocates what they claim. It knows nothing of
// messages; codec.c, its one caller, reads the values afterwards.
#include "wire/scan.h"

#include <stdint.h>
#include <string.h>

#include "wire/message.h"

enum token_kind { TOKEN_SCALAR, TOKEN_BYTES, TOKEN_TEXT, TOKEN_ARRAY, TOKEN_MAP, TOKEN_INVALID };

// A type byte: `length` bytes of big-endian count follow it, then `payload` fixed bytes, then for BYTES and TEXT as
// many as counted (https://github.com/msgpack/msgpack/blob/master/spec.md).
struct token {
    unsigned char kind, length, payload;
};
static const struct token tokens_c0[32] = {
    {TOKEN_SCALAR, 0, 0},  {TOKEN_INVALID, 0, 0}, {TOKEN_SCALAR, 0, 0}, {TOKEN_SCALAR, 0, 0}, // nil, -, false, true
    {TOKEN_BYTES, 1, 0},   {TOKEN_BYTES, 2, 0},   {TOKEN_BYTES, 4, 0},                        // bin 8, 16, 32
    {TOKEN_BYTES, 1, 1},   {TOKEN_BYTES, 2, 1},   {TOKEN_BYTES, 4, 1},                        // ext 8, 16, 32
    {TOKEN_SCALAR, 0, 4},  {TOKEN_SCALAR, 0, 8},                                              // float 32, 64
    {TOKEN_SCALAR, 0, 1},  {TOKEN_SCALAR, 0, 2},  {TOKEN_SCALAR, 0, 4}, {TOKEN_SCALAR, 0, 8}, // uint 8 ... 64
    {TOKEN_SCALAR, 0, 1},  {TOKEN_SCALAR, 0, 2},  {TOKEN_SCALAR, 0, 4}, {TOKEN_SCALAR, 0, 8}, // int 8 ... 64
    {TOKEN_SCALAR, 0, 2},  {TOKEN_SCALAR, 0, 3},  {TOKEN_SCALAR, 0, 5}, {TOKEN_SCALAR, 0, 9}, // fixext 1, 2, 4, 8
    {TOKEN_SCALAR, 0, 17},                                                                    // fixext 16
    {TOKEN_TEXT, 1, 0},    {TOKEN_TEXT, 2, 0},    {TOKEN_TEXT, 4, 0},                         // str 8, 16, 32
    {TOKEN_ARRAY, 2, 0},   {TOKEN_ARRAY, 4, 0},   {TOKEN_MAP, 2, 0},    {TOKEN_MAP, 4, 0},
};

struct scan {
    const unsigned char *at, *end;
    const char *reason;
};

static size_t bytes_left(const struct scan *scan) {
    return (size_t)(scan->end - scan->at);
}

static bool fail(struct scan *scan, const char *reason) {
    scan->reason = reason;
    return false;
}

// The type at the cursor, and the count inside the type byte of the fix* formats.
static struct token classify(unsigned char byte, size_t *count) {
    *count = 0;
    if (byte <= 0x7f || byte >= 0xe0) return (struct token){TOKEN_SCALAR, 0, 0};
    if (byte >= 0xc0) return tokens_c0[byte - 0xc0];
    *count = byte >= 0xa0 ? byte & 0x1f : byte & 0x0f;
    unsigned char kind = byte >= 0xa0 ? TOKEN_TEXT : byte >= 0x90 ? TOKEN_ARRAY : TOKEN_MAP;
    return (struct token){kind, 0, 0};
}

// Steps over the type byte, its count and its fixed payload. For BYTES and TEXT the counted bytes are known to be
// there.
static bool take_token(struct scan *scan, enum token_kind *kind, size_t *count) {
    if (scan->at == scan->end) return fail(scan, "the header is cut");
    struct token token = classify(*scan->at++, count);
    *kind = token.kind;
    if (token.kind == TOKEN_INVALID) return fail(scan, "the header holds the byte 0xc1");
    if (bytes_left(scan) < (size_t)token.length + token.payload) return fail(scan, "the header is cut");
    for (int i = 0; i < token.length; i++) *count = *count << 8 | *scan->at++;
    scan->at += token.payload;
    if (*count > bytes_left(scan)) return fail(scan, "a count is larger than the bytes left");
    return true;
}

static bool scan_value(struct scan *scan, int depth);

static bool scan_array(struct scan *scan, size_t count, int depth) {
    while (count-- > 0)
        if (!scan_value(scan, depth)) return false;
    return true;
}

// One entry of a map, whose key must not be among the `known` ones.
struct key {
    const unsigned char *text;
    size_t length;
};
static bool scan_entry(struct scan *scan, struct key *keys, size_t known, int depth) {
    enum token_kind kind;
    struct key key;
    if (!take_token(scan, &kind, &key.length)) return false;
    if (kind != TOKEN_TEXT) return fail(scan, "a key is not a text");
    key.text = scan->at;
    scan->at += key.length;
    for (size_t i = 0; i < known; i++)
        if (keys[i].length == key.length && memcmp(keys[i].text, key.text, key.length) == 0)
            return fail(scan, "a key stands twice in one map");
    keys[known] = key;
    return scan_value(scan, depth);
}

static bool scan_map(struct scan *scan, size_t count, int depth) {
    struct key keys[WIRE_KEYS];
    if (count > WIRE_KEYS) return fail(scan, "a map has too many keys");
    for (size_t i = 0; i < count; i++)
        if (!scan_entry(scan, keys, i, depth)) return false;
    return true;
}

// `depth` containers may still be entered.
static bool scan_value(struct scan *scan, int depth) {
    enum token_kind kind;
    size_t count;
    if (!take_token(scan, &kind, &count)) return false;
    switch (kind) {
    case TOKEN_BYTES:
    case TOKEN_TEXT: scan->at += count; return true;
    case TOKEN_ARRAY: return depth > 0 ? scan_array(scan, count, depth - 1) : fail(scan, "values nest too deep");
    case TOKEN_MAP: return depth > 0 ? scan_map(scan, count, depth - 1) : fail(scan, "values nest too deep");
    default: return true;
    }
}

bool scan_msgpack(const void *bytes, size_t size, int depth, const char **reason) {
    struct scan scan = {bytes, (const unsigned char *)bytes + size, NULL};
    bool fits = scan_value(&scan, depth) && (scan.at == scan.end || fail(&scan, "bytes follow the header"));
    *reason = scan.reason;
    return fits;
}
