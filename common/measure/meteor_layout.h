// The file of METEOR's data: a header, then sections of little-endian numbers, each at a multiple of 8 bytes. Words and
// phrases have numbers from 0 in the order of the file. A list has two sections: where each owner's list ends (one more
// number than owners, the first 0), and the lists' items in a row. meteor_data_make.c writes it, meteor_data.c reads
// it.
#pragma once

#include <stdint.h>

#define METEOR_MAGIC "COCAMTR\n"
#define METEOR_VERSION 1

enum meteor_list_name {
    METEOR_WORDS,       // of words: the characters (bytes); words ascend as bytes
    METEOR_SYNSETS,     // of words: numbers of synonym sets
    METEOR_BASES,       // of words: words that they are forms of
    METEOR_PHRASES,     // of phrases: words; phrases ascend as lists of numbers, a shorter one first
    METEOR_PARAPHRASES, // of phrases: phrases
    METEOR_LISTS
};
// Where the two sections of a list begin, in bytes, and how many numbers they have.
struct meteor_place {
    uint64_t ends, owners;  // u32 [owners+1]
    uint64_t items, length; // u32 [length], of METEOR_WORDS u8 [length]
};
// What a word is besides: bits of one byte.
enum meteor_mark { METEOR_FUNCTION = 1, METEOR_BEFORE_DOT = 2, METEOR_BEFORE_DOT_AND_NUMBER = 4 };

struct meteor_header {
    char magic[8];
    uint32_t version, lists; // METEOR_LISTS
    uint64_t size;           // of the file
    uint64_t marks;          // u8 [words]: begins there
    uint64_t first; // u32 [words+1]: begins there; phrases that begin with word w are from first[w] to first[w+1]
    struct meteor_place list[METEOR_LISTS];
};
