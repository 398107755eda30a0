// The matches that METEOR takes of all there are, none over another.
#pragma once

#include "measure/meteor_match.h"

// What the search goes on with. Zero-initialise; release with meteor_beam_release.
struct meteor_beam {
    uint32_t *taken;     // [2][paths][reference's words]
    unsigned char *used; // [2][paths][words of both]
    size_t taken_room, used_room;
};
// [reference's words]: the match taken that starts there, by its place in `matches`, or METEOR_NONE. Borrowed from the
// beam until the next call.
const uint32_t *meteor_align(struct meteor_beam *beam, const struct meteor_matches *matches, uint32_t candidate,
                             uint32_t reference);
void meteor_beam_release(struct meteor_beam *beam);
