// Finds the orientation in an EXIF block, which JPEG, PNG and WebP all carry. An EXIF block is a small TIFF file: byte
// order ("II" or "MM"), 42, where the first directory begins; there a count, and entries of 12 bytes each: tag, type,
// count, and the value where it fits into 4 bytes. Nothing in it is trusted, and nothing else in it is wanted.
#include "image/exif.h"

#include <stdbool.h>
#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };

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

// A SHORT fills the first 2 of the 4 bytes, in either byte order. The number of entries is 16 bits, so the loop is
// bounded even where the directory points outside.
static uint32_t tiff_orientation(const struct tiff *tiff) {
    if (tiff_read(tiff, 2, 2) != 42) return 0;
    size_t directory = tiff_read(tiff, 4, 4);
    size_t entries = tiff_read(tiff, directory, 2);
    for (size_t i = 0; i < entries; i++) {
        size_t entry = directory + 2 + i * ENTRY_SIZE;
        if (tiff_read(tiff, entry, 2) == TAG_ORIENTATION && tiff_read(tiff, entry + 2, 2) == TYPE_SHORT)
            return tiff_read(tiff, entry + 8, 2);
    }
    return 0;
}

int exif_orientation(const uint8_t *bytes, size_t size) {
    if (size >= 6 && !memcmp(bytes, "Exif\0\0", 6)) {
        bytes += 6;
        size -= 6;
    }
    if (size < 8 || (memcmp(bytes, "II", 2) && memcmp(bytes, "MM", 2))) return 1;
    struct tiff tiff = {bytes, size, bytes[0] == 'M'};
    uint32_t orientation = tiff_orientation(&tiff);
    return orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
}
