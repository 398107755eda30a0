// One record of a dataset, and its MessagePack form (data/README.md).
#pragma once

#include <stdint.h>

#include "base/memory.h"
#include "base/span.h"

#define RECORD_BYTES_LIMIT (256u << 20) // a larger value is refused
#define RECORD_IMAGES_LIMIT 256
#define RECORD_TEXTS_LIMIT 4096

// Fields that are absent are empty, `class` is −1. Reading borrows from the encoded bytes, except the arrays, which
// record_release frees, and `memory` with them.
struct record {
    struct span image;   // encoded, as it came
    struct span *images; // several: NLVR2's two, frames of a video
    struct span video;   // a file, as it came
    int image_count;
    struct span *captions, *labels, *answers; // UTF-8, which record_decode does not check
    int caption_count, label_count, answer_count;
    struct span question, id;               // question: what a task says of the pictures, a hypothesis or statement too
    struct span question_type, answer_type; // VQA's kinds, by which accuracy is told apart
    struct span answer;                     // the one that stands for all: VQA's multiple_choice_answer
    int64_t class;
    struct buffer memory; // what the spans are in, of a record that owns it
};
#define RECORD_EMPTY ((struct record){.class = -1})
void record_release(struct record *record);

// What "format" is in the json of a record that was written into a tar.
#define RECORD_JSON_FORMAT "cocaflow record"

// The fields by name, in the order they are encoded, and the set of those that a record has: bit i is field i.
#define RECORD_FIELDS 12
const char *record_field_name(int field);
unsigned record_fields(const struct record *record);
unsigned record_field_bit(const char *name); // 0: there is no such field

void record_encode(const struct record *record, struct buffer *bytes); // appends

// Checks every length before use: unknown keys are skipped, duplicate keys, wrong types and counts over the limits
// refused; nil counts as absent. 0, or -EXIT_DATA with `reason` filled and nothing printed.
#define RECORD_REASON 160
int record_decode(struct record *record, const void *bytes, size_t size, char reason[RECORD_REASON]);
