#include "base/random.h"

#include <math.h>

#include "base/fail.h"
#include "base/hash.h"

struct random_key random_key(uint64_t seed, const char *purpose) {
    return (struct random_key){hash_text(purpose, seed)};
}

struct random_key random_subkey(struct random_key key, uint64_t index) {
    return (struct random_key){hash_bytes(&index, sizeof index, key.value)};
}

// Philox-4x32 with 10 rounds; the counter fills the low half of the block, the key is the 64-bit key.
static void philox(uint32_t block[4], uint64_t key) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * block[0], p1 = (uint64_t)0xCD9E8D57u * block[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ block[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ block[3] ^ k1,
                            (uint32_t)p0};
        for (int i = 0; i < 4; i++) block[i] = next[i];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

static void draw(struct random_key key, uint64_t counter, uint32_t block[4]) {
    block[0] = (uint32_t)counter;
    block[1] = (uint32_t)(counter >> 32);
    block[2] = block[3] = 0;
    philox(block, key.value);
}

uint64_t random_bits(struct random_key key, uint64_t counter) {
    uint32_t block[4];
    draw(key, counter, block);
    return (uint64_t)block[1] << 32 | block[0];
}

static double unit_interval(uint32_t high, uint32_t low) {
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double random_uniform(struct random_key key, uint64_t counter) {
    uint32_t block[4];
    draw(key, counter, block);
    return unit_interval(block[1], block[0]);
}

uint64_t random_below(struct random_key key, uint64_t counter, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)random_bits(key, counter) * bound) >> 64);
}

double random_normal(struct random_key key, uint64_t counter) {
    uint32_t block[4];
    draw(key, counter, block);
    double radius = sqrt(-2 * log(1 - unit_interval(block[1], block[0])));
    return radius * cos(2 * M_PI * unit_interval(block[3], block[2]));
}

// Four Feistel rounds on 2·`half` bits; walking on from values beyond `size` until one falls below it keeps the map a
// bijection of 0 … size − 1. The domain is less than four times `size`, so few steps are needed.
static uint64_t feistel(struct random_key key, int half, uint64_t value) {
    uint64_t mask = ((uint64_t)1 << half) - 1, left = value >> half, right = value & mask;
    for (uint64_t round = 0; round < 4; round++) {
        uint64_t mixed = left ^ (random_bits(key, right | round << 56) & mask);
        left = right;
        right = mixed;
    }
    return left << half | right;
}

uint64_t random_permute(struct random_key key, uint64_t size, uint64_t k) {
    if (k >= size) bug("element %llu of a permutation of %llu", (unsigned long long)k, (unsigned long long)size);
    if (size >= (uint64_t)1 << 62) bug("a permutation of %llu elements", (unsigned long long)size);
    int half = 1;
    while ((uint64_t)1 << 2 * half < size) half++;
    do k = feistel(key, half, k);
    while (k >= size);
    return k;
}
