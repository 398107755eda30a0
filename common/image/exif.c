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
