// ftfy's replacements of single characters, all in one walk, since none depends on more than the character before: C1
// controls, ligatures, widths, quotes, line breaks. clean.c calls it behind the repair of encodings, which may have
// brought some of them in. Controls that show nothing are taken out later, as terminal escapes begin with one.
#include "text/characters.h"

#include <uninorm.h>

#include "text/charmap.h"
#include "text/unicode.h"

static bool is_in(uint32_t point, uint32_t first, uint32_t last) {
    return point >= first && point <= last;
}

// Typographic ligatures, and digraphs that old encodings needed; æ and œ are letters.
static bool is_ligature(uint32_t point) {
    return is_in(point, 0x132, 0x133) || point == 0x149 || is_in(point, 0x1C4, 0x1CC) || is_in(point, 0x1F1, 0x1F3) ||
           is_in(point, 0xFB00, 0xFB06);
}

static bool is_wide(uint32_t point) {
    return point == 0x3000 || is_in(point, 0xFF01, 0xFFEF);
}

// The three steps hand on to each other in ftfy's order: what a ligature is taken apart into may be wide, and what is
// made narrow may be a quote (U+0149 becomes U+02BC and n, and then ' and n).
static void append_straight(struct buffer *out, uint32_t point) {
    if (point == 0x2BC || is_in(point, 0x2018, 0x201B))
        point = '\'';
    else if (is_in(point, 0x201C, 0x201F))
        point = '"';
    else if (point == 0x2028 || point == 0x2029)
        point = '\n';
    unicode_append(out, point);
}

static void append_narrow(struct buffer *out, uint32_t point) {
    ucs4_t part[UC_DECOMPOSITION_MAX_LENGTH];
    size_t count = UC_DECOMPOSITION_MAX_LENGTH;
    if (!is_wide(point) || !u32_normalize(UNINORM_NFKC, &point, 1, part, &count)) {
        append_straight(out, point);
        return;
    }
    for (size_t i = 0; i < count; i++) append_straight(out, part[i]);
}

// One step of decomposition, from a ligature to the letters it stands for; these go on to the other replacements.
static void append_plain(struct buffer *out, uint32_t point) {
    ucs4_t part[UC_DECOMPOSITION_MAX_LENGTH];
    int tag, count;
    if (is_in(point, 0x80, 0x9F)) point = charmap_windows_1252((uint8_t)point);
    if (!is_ligature(point) || (count = uc_decomposition(point, &tag, part)) < 0) {
        append_narrow(out, point);
        return;
    }
    for (int i = 0; i < count; i++) append_narrow(out, part[i]);
}

// CR LF is one line break: the LF behind a CR is left out.
void characters_plain(struct buffer *out, const char *text, size_t size) {
    uint32_t before = 0;
    for (size_t at = 0, length; at < size; at += length) {
        const uint32_t point = unicode_at(text + at, size - at, &length);
        if (point == '\r')
            buffer_append(out, "\n", 1);
        else if (point != '\n' || before != '\r')
            append_plain(out, point);
        before = point;
    }
}

static bool is_control(uint32_t point) {
    return point <= 0x08 || point == 0x0B || is_in(point, 0x0E, 0x1F) || point == 0x7F ||
           is_in(point, 0x206A, 0x206F) || point == 0xFEFF || is_in(point, 0xFFF9, 0xFFFC);
}

void characters_without_controls(struct buffer *out, const char *text, size_t size) {
    for (size_t at = 0, length; at < size; at += length)
        if (!is_control(unicode_at(text + at, size - at, &length))) buffer_append(out, text + at, length);
}
