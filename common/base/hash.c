// XXH64, written out from its specification. Checkpoints, data fingerprints and the keys of random numbers stand on it,
// and their values lie in files: so it can never become another function, and does not depend on a library's version.
// It reads memory about as fast as memory delivers it. It is no protection against anybody who wants a collision.
//
// Long inputs go through four lanes, 8 bytes each of every 32, so that four multiplications are under way at a time;
// the lanes are merged by rotations, each by its own, so that lanes which change places change the result. What is
// left, fewer than 32 bytes, is taken by eights, fours and ones. The end shifts and multiplies until each bit of the
// input has reached each bit of the result. Numbers are read little-endian, as this house's machines and the
// specification have them.
#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// The specification's primes. Odd factors lose nothing: multiplication by them can be undone modulo 2^64.
#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t value, int bits) {
    return value << bits | value >> (64 - bits);
}

// By memcpy, since the bytes may lie at any address; it becomes one instruction.
static uint64_t read64(const unsigned char *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t read32(const unsigned char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t lane_round(uint64_t lane, uint64_t input) {
    return rotate(lane + input * P2, 31) * P1;
}

static void lanes_begin(uint64_t lane[4], uint64_t seed) {
    lane[0] = seed + P1 + P2;
    lane[1] = seed + P2;
    lane[2] = seed;
    lane[3] = seed - P1;
}

// The 32-byte stripes. Moves on behind them.
static void stripes(uint64_t lane[4], const unsigned char **bytes, size_t *size) {
    for (; *size >= 32; *bytes += 32, *size -= 32)
        for (int i = 0; i < 4; i++) lane[i] = lane_round(lane[i], read64(*bytes + 8 * i));
}

static uint64_t merge(const uint64_t lane[4]) {
    uint64_t hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (int i = 0; i < 4; i++) hash = (hash ^ lane_round(0, lane[i])) * P1 + P4;
    return hash;
}

// The fewer than 32 bytes that are left, and the end.
static uint64_t finish(uint64_t hash, const unsigned char *bytes, size_t size) {
    for (; size >= 8; bytes += 8, size -= 8) hash = rotate(hash ^ lane_round(0, read64(bytes)), 27) * P1 + P4;
    if (size >= 4) {
        hash = rotate(hash ^ read32(bytes) * P1, 23) * P2 + P3;
        bytes += 4;
        size -= 4;
    }
    for (; size; bytes++, size--) hash = rotate(hash ^ *bytes * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

uint64_t hash_bytes(const void *data, size_t size, uint64_t seed) {
    const unsigned char *bytes = data;
    const size_t total = size;
    uint64_t lane[4];
    lanes_begin(lane, seed);
    stripes(lane, &bytes, &size);
    return finish((total >= 32 ? merge(lane) : seed + P5) + total, bytes, size);
}

void hash_stream_begin(struct hash_stream *stream) {
    *stream = (struct hash_stream){.total = 0};
    lanes_begin(stream->lane, 0);
}

void hash_stream_add(struct hash_stream *stream, const void *data, size_t size) {
    const unsigned char *bytes = data;
    const size_t held = stream->total % 32, fill = size < 32 - held ? size : 32 - held;
    stream->total += size;
    if (held) {
        memcpy(stream->rest + held, bytes, fill);
        bytes += fill;
        size -= fill;
        if (held + fill < 32) return;
        const unsigned char *rest = stream->rest;
        stripes(stream->lane, &rest, &(size_t){32});
    }
    stripes(stream->lane, &bytes, &size);
    if (size) memcpy(stream->rest, bytes, size);
}

uint64_t hash_stream_end(const struct hash_stream *stream) {
    const uint64_t hash = stream->total >= 32 ? merge(stream->lane) : P5;
    return finish(hash + stream->total, stream->rest, stream->total % 32);
}

uint64_t hash_text(const char *text, uint64_t seed) {
    return hash_bytes(text, strlen(text), seed);
}

void hash_format(char text[HASH_TEXT_SIZE], uint64_t hash) {
    snprintf(text, HASH_TEXT_SIZE, "%016llx", (unsigned long long)hash);
}

// strtoull alone would also take a sign, blanks, capitals and what follows.
bool hash_parse(uint64_t *hash, const char *text) {
    char written[HASH_TEXT_SIZE];
    *hash = strtoull(text, NULL, 16);
    hash_format(written, *hash);
    if (!strcmp(text, written)) return true;
    *hash = 0;
    return false;
}

// In pieces: a file that is mapped whole counts as memory of the process that looks at it.
int hash_file(const char *path, uint64_t *hash) {
    enum { PIECE = 1 << 20 };
    FILE *file = fopen(path, "rbe");
    if (!file) return error(EXIT_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    char *piece = xmalloc(PIECE);
    struct hash_stream stream;
    hash_stream_begin(&stream);
    for (size_t got; (got = fread(piece, 1, PIECE, file));) hash_stream_add(&stream, piece, got);
    *hash = hash_stream_end(&stream);
    int status = ferror(file) ? error(EXIT_DATA, "%s: cannot be read: %s", path, strerror(errno)) : 0;
    free(piece);
    fclose(file);
    return status;
}
