// Finds the orientation in an EXIF block, which JPEG, PNG and WebP all carry. An EXIF block is a small TIFF file: byte
// order ("II" or "MM"), 42, where the first directory begins; there a count, and entries of 12 bytes each: tag, type,
// count, and the value where it fits into 4 bytes. Nothing in it is trusted, and nothing else in it is wanted.
#include "image/exif.h"

#include <stdbool.h>
#include <string.h>

enum { TAG_ORIENTATION = 0x0112, ENTRY_SIZE = 12, MAGIC = 42 };

// Bytes of the TIFF types that hold whole numbers; cameras and programs write the orientation as any of them.
static const size_t type_width[] = {
    [1] = 1, // BYTE
    [3] = 2, // SHORT
    [4] = 4, // LONG
    [6] = 1, // SBYTE
    [8] = 2, // SSHORT
    [9] = 4, // SLONG
};
enum { TYPES = sizeof type_width / sizeof *type_width };

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
};

// Reads past the end give 0, which no field searched for has.
static uint32_t tiff_read(const struct tiff *tiff, size_t at, size_t width) {
    if (at > tiff->size || tiff->size - at < width) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++) value = value << 8 | tiff->bytes[at + (tiff->big_endian ? i : width - 1 - i)];
    return value;
}

static bool is_orientation(uint32_t value) {
    return value >= 1 && value <= 8;
}

// The value of an entry of whole numbers, of several the first; negative ones are far above 8. Values fill the first of
// the 4 bytes, in either byte order, or these say where they are.
static uint32_t tiff_value(const struct tiff *tiff, size_t entry) {
    uint32_t type = tiff_read(tiff, entry + 2, 2), count = tiff_read(tiff, entry + 4, 4);
    if (type >= TYPES || !type_width[type] || !count) return 0;
    return tiff_read(tiff, count > 4 / type_width[type] ? tiff_read(tiff, entry + 8, 4) : entry + 8, type_width[type]);
}

// The number of entries is 16 bits, so the loop is bounded even where the directory points outside. Some programs write
// 42 in the other byte order, and Pillow reads on all the same.
static int tiff_orientation(const struct tiff *tiff) {
    uint32_t magic = tiff_read(tiff, 2, 2);
    if (magic != MAGIC && magic != MAGIC << 8) return 1;
    size_t directory = tiff_read(tiff, 4, 4);
    size_t entries = tiff_read(tiff, directory, 2);
    for (size_t i = 0; i < entries; i++) {
        size_t entry = directory + 2 + i * ENTRY_SIZE;
        if (tiff_read(tiff, entry, 2) == TAG_ORIENTATION && is_orientation(tiff_value(tiff, entry)))
            return (int)tiff_value(tiff, entry);
    }
    return 1;
}

int exif_orientation(const uint8_t *bytes, size_t size) {
    while (size >= 6 && !memcmp(bytes, "Exif\0\0", 6)) {
        bytes += 6;
        size -= 6;
    }
    if (size < 8 || (memcmp(bytes, "II", 2) && memcmp(bytes, "MM", 2))) return 1;
    struct tiff tiff = {bytes, size, bytes[0] == 'M'};
    return tiff_orientation(&tiff);
}
