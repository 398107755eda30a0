// Where what a record lacks lies in objects of others, and the MessagePack form of both (data/README.md).
#pragma once

#include <stdbool.h>

#include "dataset/record.h"
#include "remote/object.h"

#define PLACE_LIMIT (RECORD_IMAGES_LIMIT + 2)

enum place_kind {
    PLACE_IMAGE,
    PLACE_IMAGES, // one of several, in their order
    PLACE_VIDEO,
    PLACE_SAMPLE, // the stretch of a tar that holds all members of a sample: the record's only place
};

struct object_place {
    enum place_kind kind;
    int object;             // which of the dataset's
    int64_t offset, length; // of the bytes; length > 0
    uint64_t hash;          // XXH64 of the bytes; of PLACE_SAMPLE not known, 0
};

struct object_places {
    struct object_place *place;
    int count;
};
void place_release(struct object_places *places);

// Where the files of a record that is read from an object lie in it; lengths are those of the record's. Offsets, −1:
// not there.
struct origin {
    const struct object *object;
    int64_t image, video;
    const int64_t *images; // of each
    // Of a sample that others say is there, and that was not read: its stretch, and the fields that it should have.
    int64_t sample, sample_length; // length 0: it was read
    unsigned fields;
};
#define ORIGIN_NONE ((struct origin){.image = -1, .video = -1})

// The places of a record's files, whose bytes are hashed, or of its stretch, in object `number`; then place_release.
void place_files(struct object_places *places, const struct record *record, const struct origin *origin, int number);

// Appends the record, which lacks what lies in the places, and the places.
void place_encode(const struct record *record, const struct object_places *places, struct buffer *bytes);
// The same apart: the record as record_decode, then its places, none where the value has none. Every number is checked:
// places do not go beyond 63 bits, and what they hold together not beyond RECORD_BYTES_LIMIT; which objects there are
// the caller knows. 0, then record_release and place_release, or -EXIT_DATA with `reason` filled and nothing printed.
int place_decode(struct record *record, struct object_places *places, const void *bytes, size_t size,
                 char reason[RECORD_REASON]);
