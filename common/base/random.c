// Random numbers that are functions: draw n of a key is computed from both, and nothing is remembered. So a worker can
// make any sample without those before it, crops and captions do not depend on the number of workers, and a resumed run
// needs no saved state. Keys come from a seed and a purpose; who draws numbers his own draws by counters (view.c),
// takes subkeys by index for what has many (plan.c), and never shares a pair of key and counter with another use.
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

// Philox-4x32 with 10 rounds, a block cipher made to be fast and not secret. A round multiplies two of the four words
// to 64 bits, mixes the upper halves with the other two words and a round key, and keeps the lower halves; the round
// key moves on by constants (the golden ratio and √3 − 1). Each step can be undone, so different counters give
// different blocks. The counter fills the low half of the block, the key is the 64-bit key.
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

// The upper 53 of 64 bits, times 2^−53: every such multiple is a double, and none rounds up to 1.
static double unit_interval(uint32_t high, uint32_t low) {
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double random_uniform(struct random_key key, uint64_t counter) {
    uint32_t block[4];
    draw(key, counter, block);
    return unit_interval(block[1], block[0]);
}

// ⌊bits·bound / 2^64⌋. Of the 2^64 values of bits each result gets ⌊2^64/bound⌋ or one more, which is no bias that
// anything here could see, and unlike rejection it takes one draw each time: the next counter is free for the next use.
uint64_t random_below(struct random_key key, uint64_t counter, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)random_bits(key, counter) * bound) >> 64);
}

// Box and Muller: with uniform u and w, √(−2 ln u)·cos(2πw) is normal. u is taken as 1 − [0, 1), so the logarithm is
// finite; the largest result is √(106·ln 2) = 8.6. All of one block is used, so one counter is one normal number.
double random_normal(struct random_key key, uint64_t counter) {
    uint32_t block[4];
    draw(key, counter, block);
    double radius = sqrt(-2 * log(1 - unit_interval(block[1], block[0])));
    return radius * cos(2 * M_PI * unit_interval(block[3], block[2]));
}

// Four Feistel rounds on 2·`half` bits. A round maps (l, r) to (r, l ^ f(r)), which can be undone whatever f is: so
// this is a permutation of 0 … 4^half − 1. To permute 0 … size − 1, k is mapped again while the result is not below
// `size`. A permutation brings k back to itself in the end, so this ends, and two k never meet: from where they met,
// walking back would lead to one. The domain is at most four times `size`, so few steps are needed.
static uint64_t feistel(struct random_key key, int half, uint64_t value) {
    uint64_t mask = ((uint64_t)1 << half) - 1, left = value >> half, right = value & mask;
    for (uint64_t round = 0; round < 4; round++) {
        // The round stands above the half word, whose bits it must not meet: half <= 31 for any size that is allowed.
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
