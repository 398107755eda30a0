// Checksums and fingerprints: XXH64 (the algorithm's published specification, github.com/Cyan4973/xxHash).
// Not for secrets.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed);
uint64_t hash_text(const char *text, uint64_t seed);

// The same of bytes that come in pieces; hash_stream_end may be asked at any time, of what has come so far.
struct hash_stream {
    uint64_t lane[4];
    unsigned char rest[32]; // total % 32 bytes that no lane has taken yet
    uint64_t total;
};
void hash_stream_begin(struct hash_stream *stream); // seed 0, as hash_file
void hash_stream_add(struct hash_stream *stream, const void *bytes, size_t size);
uint64_t hash_stream_end(const struct hash_stream *stream);

#define HASH_TEXT_SIZE 17
void hash_format(char text[HASH_TEXT_SIZE], uint64_t hash); // 16 lower-case hex digits
bool hash_parse(uint64_t *hash, const char *text);          // false: not as hash_format writes it, and *hash is 0
int hash_file(const char *path, uint64_t *hash);            // 0 or -EXIT_DATA
