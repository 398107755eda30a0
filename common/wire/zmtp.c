// A frame is flags (bit 1: the length has 8 bytes and not 1; bit 2: a command, such as those of a handshake and of
// heartbeats), its length, and so many bytes. What is encrypted keeps this outside.
#include "wire/zmtp.h"

enum { FLAG_LONG = 2, FLAG_COMMAND = 4 };

static bool header_is_whole(const struct zmtp *zmtp) {
    return zmtp->have == (zmtp->header[0] & FLAG_LONG ? ZMTP_HEADER : 2);
}

static uint64_t length_of(const struct zmtp *zmtp) {
    uint64_t length = 0;
    for (int i = 1; i < zmtp->have; i++) length = length << 8 | zmtp->header[i];
    return length;
}

bool zmtp_walk(struct zmtp *zmtp, const void *bytes, size_t size) {
    bool found = false;
    for (const uint8_t *at = bytes, *end = at + size; at < end;) {
        const uint64_t skipped = zmtp->skip < (uint64_t)(end - at) ? zmtp->skip : (uint64_t)(end - at);
        at += skipped;
        zmtp->skip -= skipped;
        if (at == end) break;
        zmtp->header[zmtp->have++] = *at++;
        if (!header_is_whole(zmtp)) continue;
        found |= !(zmtp->header[0] & FLAG_COMMAND);
        zmtp->skip = length_of(zmtp);
        zmtp->have = 0;
    }
    return found;
}
