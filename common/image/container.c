// What stands around the streams of a video is looked at here for two questions that FFmpeg leaves open: whether bytes
// are a video at all, before it is loaded for them, and whether the end was lost, which its demuxers pass over.
#include "image/container.h"

#include <stdbool.h>
#include <string.h>

// The first box of a QuickTime file that has no ftyp, of before 2002, or written live.
static bool is_quicktime(const char *type) {
    static const char *const first[] = {"moov", "mdat", "wide", "free", "skip"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (!memcmp(type, first[i], 4)) return true;
    return false;
}

// ftyp stands before pictures, too: HEIC and AVIF.
static bool is_picture_brand(const char *brand) {
    static const char *const brands[] = {"avif", "avis", "heic", "heix", "hevc", "mif1", "msf1"};
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (!memcmp(brand, brands[i], 4)) return true;
    return false;
}

enum video_container video_container_of(const void *bytes, size_t size) {
    const char *text = bytes;
    if (size < 12) return VIDEO_NONE;
    if (!memcmp(text, "\x1a\x45\xdf\xa3", 4)) return VIDEO_MATROSKA;
    if (!memcmp(text, "RIFF", 4) && !memcmp(text + 8, "AVI ", 4)) return VIDEO_AVI;
    if (!memcmp(text + 4, "ftyp", 4)) return is_picture_brand(text + 8) ? VIDEO_NONE : VIDEO_MP4;
    return is_quicktime(text + 4) ? VIDEO_MP4 : VIDEO_NONE;
}

const char *video_container_name(enum video_container container) {
    static const char *const names[] = {
        [VIDEO_NONE] = "none", [VIDEO_MP4] = "mp4", [VIDEO_MATROSKA] = "webm", [VIDEO_AVI] = "avi"};
    return names[container];
}

static uint64_t big_endian(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    while (count--) value = value << 8 | *bytes++;
    return value;
}

// Boxes one behind the other: [size u32][type], where size 1 has a u64 behind the type and size 0 reaches to the end.
// What does not look like a box is left to the demuxer.
static uint64_t mp4_bytes(const uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (size - at >= 8) {
        const uint64_t short_size = big_endian(bytes + at, 4);
        const uint64_t box = short_size == 1 && size - at >= 16 ? big_endian(bytes + at + 8, 8) : short_size;
        if (box < 8) return size;
        if (box > size - at) return at + box < box ? UINT64_MAX : at + box;
        at += (size_t)box;
    }
    return size;
}

// An EBML length: the first byte's leading zeros tell how many follow, ones alone that it is not known. 0 bytes: no
// length.
static int ebml_length(uint64_t *length, const uint8_t *bytes, size_t size) {
    int count = 1;
    if (!size || !*bytes) return 0;
    while (!(*bytes & 0x80 >> (count - 1))) count++;
    if ((size_t)count > size) return 0;
    const uint64_t unknown = ((uint64_t)1 << 7 * count) - 1;
    *length = big_endian(bytes, count) & unknown;
    return *length == unknown ? 0 : count;
}

// The EBML header, and the segment that holds the rest.
static uint64_t matroska_bytes(const uint8_t *bytes, size_t size) {
    enum { ID_BYTES = 4 };
    size_t at = 0;
    for (int element = 0; element < 2; element++) {
        uint64_t length;
        const int count = size - at > ID_BYTES ? ebml_length(&length, bytes + at + ID_BYTES, size - at - ID_BYTES) : 0;
        if (!count) return size;
        at += ID_BYTES + (size_t)count;
        if (length > size - at) return at + length;
        at += (size_t)length;
    }
    return size;
}

// Only the first chunk: those behind it are of files beyond a gigabyte, and the index of these is in the first.
static uint64_t avi_bytes(const uint8_t *bytes, size_t size) {
    const uint64_t chunk =
        (uint64_t)bytes[4] | (uint64_t)bytes[5] << 8 | (uint64_t)bytes[6] << 16 | (uint64_t)bytes[7] << 24;
    return chunk == UINT32_MAX || chunk + 8 < size ? size : chunk + 8;
}

uint64_t video_container_bytes(enum video_container container, const void *bytes, size_t size) {
    switch (container) {
    case VIDEO_MP4: return mp4_bytes(bytes, size);
    case VIDEO_MATROSKA: return matroska_bytes(bytes, size);
    case VIDEO_AVI: return avi_bytes(bytes, size);
    default: return size;
    }
}
