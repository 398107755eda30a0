// The encodings of one byte a character that UTF-8 is most often misread in, as tables of their upper halves made by
// tables/make.py. mojibake.c goes back from characters to bytes with them; the lower half is ASCII in all. A search
// through 128 entries is enough, since only spoiled lines come here.
#include "text/charmap.h"

#include "text/unicode.h"

const struct charmap charmaps[CHARMAPS] = {
#include "text/tables/charmaps.inc"
};

uint32_t charmap_windows_1252(uint8_t byte) {
    return byte < 0x80 ? byte : charmaps[CHARMAP_WINDOWS_1252].upper[byte - 0x80];
}

// −1 when the encoding has no such character. "Sloppy" is ftfy's word for what browsers do: bytes without a character
// stand for the control of their number. 1A, a control that no text has, then stands for U+FFFD.
static int byte_of(const struct charmap *map, uint32_t point) {
    enum { SUBSTITUTE = 0x1A };
    if (map->is_sloppy && point == 0xFFFD) return SUBSTITUTE;
    if (point < 0x80) return map->is_sloppy && point == SUBSTITUTE ? -1 : (int)point;
    for (int i = 0; i < 0x80; i++)
        if (map->upper[i] == point) return 0x80 + i;
    return -1;
}

// One character that the encoding lacks, and the text was never read in it.
bool charmap_encode(const struct charmap *map, struct buffer *out, const char *text, size_t size) {
    for (size_t at = 0, length; at < size; at += length) {
        const int byte = byte_of(map, unicode_at(text + at, size - at, &length));
        if (byte < 0) return false;
        buffer_append(out, &(char){(char)byte}, 1);
    }
    return true;
}
