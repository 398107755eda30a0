// Checksums and fingerprints: XXH64 (the algorithm's published specification, github.com/Cyan4973/xxHash).
// Not for secrets.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed);
uint64_t hash_text(const char *text, uint64_t seed);

#define HASH_TEXT_SIZE 17
void hash_format(char text[HASH_TEXT_SIZE], uint64_t hash); // 16 lower-case hex digits
bool hash_parse(uint64_t *hash, const char *text);          // false: not as hash_format writes it, and *hash is 0
int hash_file(const char *path, uint64_t *hash);            // 0 or -EXIT_DATA
