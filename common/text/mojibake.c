// The heuristic, its sets of characters and the order of its attempts are ftfy's (github.com/rspeer/python-ftfy, Apache
// License 2.0). It knows the few hundred characters that UTF-8 turns into, and which of them do not stand beside each
// other in text that is right.
#include "text/mojibake.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/charmap.h"
#include "text/pattern.h"
#include "text/tables/mojibake.inc"
#include "text/unicode.h"

#define ANY(set) "[" set "]"
#define ACCENTED SET_LOWER_ACCENTED SET_UPPER_ACCENTED
#define PUNCTUATION SET_START_PUNCTUATION SET_END_PUNCTUATION
#define SIGNS SET_CURRENCY SET_NUMERIC
#define BESIDE_BAD ACCENTED SET_BOX PUNCTUATION SIGNS SET_LAW
#define ARABIC ANY("ØÙ") ANY(SET_COMMON SET_CURRENCY SET_BAD SET_NUMERIC SET_START_PUNCTUATION "ŸŠ®°µ»")
#define AROUND(letters, more) ANY(letters) ANY(SET_C1 SET_BAD PUNCTUATION SET_CURRENCY more) ANY(letters)
#define PYTHON_SPACE                                                                                                   \
    "[\\x09-\\x0d\\x1c-\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]"

// Any of them: sets first, then single spellings of one encoding in another.
static const char bad[] = ANY(SET_C1) "|" ANY(SET_BAD BESIDE_BAD) ANY(SET_BAD) "|" ANY("a-zA-Z") ANY(
    SET_LOWER_COMMON
        SET_UPPER_COMMON) ANY(SET_BAD) "|" ANY(SET_BAD) ANY(BESIDE_BAD) "|" ANY(SET_LOWER_ACCENTED SET_LOWER_COMMON
                                                                                    SET_BOX SET_END_PUNCTUATION SIGNS)
    ANY(SET_UPPER_ACCENTED) "|" ANY(SET_BOX SET_END_PUNCTUATION SIGNS) ANY(SET_LOWER_ACCENTED) "|" ANY(
        SET_LOWER_ACCENTED SET_BOX SET_END_PUNCTUATION) ANY(SET_CURRENCY) "|" PYTHON_SPACE ANY(SET_UPPER_ACCENTED)
        ANY(SET_CURRENCY) "|" ANY(SET_UPPER_ACCENTED SET_BOX) ANY(SET_NUMERIC SET_LAW) "|" ANY(
            ACCENTED SET_BOX SET_CURRENCY
                SET_END_PUNCTUATION) ANY(SET_START_PUNCTUATION) ANY(SET_NUMERIC) "|" ANY(ACCENTED SIGNS SET_BOX SET_LAW)
            ANY(SET_END_PUNCTUATION) ANY(SET_START_PUNCTUATION) "|" ANY(SIGNS SET_BOX) ANY(SET_START_PUNCTUATION) "|" ANY(
                "a-z") ANY(SET_UPPER_ACCENTED) ANY(SET_START_PUNCTUATION SET_CURRENCY) "|" ANY(SET_BOX)
                ANY(SET_KAOMOJI SET_END_PUNCTUATION) "|" ANY(ACCENTED SIGNS PUNCTUATION SET_LAW) ANY(SET_BOX) "|" ANY(ACCENTED) ANY(
                    PUNCTUATION) "[\\p{L}\\p{N}_]"
                                 "|[Œœ][^A-Za-z]"
                                 "|" ANY(
                                     SET_UPPER_ACCENTED) "°"
                                                         "|[ÂÃÎÐ]" ANY(
                                                             "€œŠš¢£Ÿž\\xa0\\xad®©°·»–—"
                                                             "´" PUNCTUATION) "|×[²³]"
                                                                              "|" ARABIC ARABIC "|à[²µ¹¼½¾]|√["
                                                                              "±∂†≠®™´≤≥¥µø]|≈[°¢]|"
                                                                              "‚Ä[ìîïòôúùû†°¢π]|‚["
                                                                              "âó][àä°ê]|вЂ"
                                                                              "|" AROUND(
                                                                                  "ВГРС",
                                                                                  "°µ") "|ГўВЂВ.[A-"
                                                                                        "Za-z "
                                                                                        "]|Ã["
                                                                                        "\\xa0¡]"
                                                                                        "|(?:^|[a-"
                                                                                        "z"
                                                                                        "]" PYTHON_SPACE "?)[ÃÂ] "
                                                                                        "|" ANY(
                                                                                            "a-"
                                                                                            "z."
                                                                                            ",?"
                                                                                            "!" SET_END_PUNCTUATION) "Â" ANY(" " PUNCTUATION) "|β€[™\\xa0Ά\\xad®°]"
                                                                                                                                              "|" AROUND(
                                                                                                                                                  "ΒΓΞΟ",
                                                                                                                                                  "°") "|ā€";

// Characters that bytes of UTF-8 read as, a sequence after the other.
static const char spoiled[] =
    "(?<!" ANY(UTF8_CONTINUATION_STRICT) ")(?>" ANY(UTF8_FIRST_OF_2) ANY(UTF8_CONTINUATION) "|" ANY(UTF8_FIRST_OF_3)
        ANY(UTF8_CONTINUATION) "{2}"
                               "|" ANY(UTF8_FIRST_OF_4) ANY(UTF8_CONTINUATION) "{3})++";

// UTF-8 whose byte A0, a blank in most encodings, became an ordinary blank: where that gives a likely character.
static const char blanked[] = "[\\xc2\\xc3\\xc5\\xce\\xd0\\xd9] "
                              "|[\\xe2\\xe3] [\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf]"
                              "|[\\xe0-\\xe3][\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf] "
                              "|\\xf0(?: [\\x80-\\xbf]{2}|[\\x80-\\xbf] [\\x80-\\xbf]|[\\x80-\\xbf]{2} )";

// The letter à by itself, so that the blank behind it is one: not in Portuguese's às and àquele.
static const char a_grave[] = "\\xc3 (?! |quele|quela|quilo|s )";

// UTF-8 in which a byte was lost: 1A stands for U+FFFD, and ? for it at most once.
#define LOST "[\\x1a?]"
#define REST "[\\x1a\\x80-\\xbf]"
static const char lossy[] =
    "[\\xc2-\\xdf]\\x1a|[\\xc2-\\xc3]\\?"
    "|\\xed[\\xa0-\\xaf]" LOST "\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]"
    "|\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf]" LOST "|[\\xe0-\\xef](?:" LOST REST "|" REST LOST ")"
    "|[\\xf0-\\xf4](?:" LOST REST REST "|" REST LOST REST "|" REST REST LOST ")"
    "|\\x1a";

struct mojibake {
    struct pattern *bad, *spoiled, *blanked, *a_grave, *lossy;
};

struct mojibake *mojibake_new(void) {
    struct mojibake *mojibake = xmalloc(sizeof *mojibake);
    *mojibake = (struct mojibake){.bad = pattern_new(bad, PATTERN_TEXT),
                                  .spoiled = pattern_new(spoiled, PATTERN_TEXT),
                                  .blanked = pattern_new(blanked, PATTERN_BYTES),
                                  .a_grave = pattern_new(a_grave, PATTERN_BYTES),
                                  .lossy = pattern_new(lossy, PATTERN_BYTES)};
    return mojibake;
}

void mojibake_free(struct mojibake *mojibake) {
    if (!mojibake) return;
    pattern_free(mojibake->bad);
    pattern_free(mojibake->spoiled);
    pattern_free(mojibake->blanked);
    pattern_free(mojibake->a_grave);
    pattern_free(mojibake->lossy);
    free(mojibake);
}

static bool is_bad(const struct mojibake *mojibake, const char *text, size_t size) {
    struct match match;
    return !unicode_is_ascii(text, size) && pattern_find(mojibake->bad, text, size, 0, &match);
}

// `text` becomes `made`, which is left empty; true when that is a change.
static bool become(struct buffer *text, struct buffer *made) {
    const bool changed = made->size != text->size || (made->size && memcmp(made->bytes, text->bytes, made->size));
    buffer_release(text);
    *text = *made;
    *made = (struct buffer){0};
    return changed;
}

static void unblank(void *context, struct buffer *out, const char *match, size_t size) {
    (void)context;
    for (size_t i = 0; i < size; i++) buffer_append(out, match[i] == ' ' ? "\xA0" : match + i, 1);
}

static void put_a_grave(void *context, struct buffer *out, const char *match, size_t size) {
    (void)context, (void)match, (void)size;
    buffer_text(out, "\xC3\xA0 ");
}

static void put_lost(void *context, struct buffer *out, const char *match, size_t size) {
    (void)context, (void)match, (void)size;
    buffer_text(out, "\xEF\xBF\xBD");
}

static void replace_in(struct buffer *bytes, const struct pattern *pattern, pattern_replacement *replace) {
    struct buffer made = {0};
    pattern_replace(pattern, &made, bytes->bytes, bytes->size, replace, NULL);
    become(bytes, &made);
}

static void restore_bytes(const struct mojibake *mojibake, struct buffer *bytes, const struct charmap *map) {
    struct match match;
    // In Mac OS Roman a dash before a blank would look like one of those.
    if (strcmp(map->name, "macroman") && pattern_find(mojibake->blanked, bytes->bytes, bytes->size, 0, &match)) {
        replace_in(bytes, mojibake->a_grave, put_a_grave);
        replace_in(bytes, mojibake->blanked, unblank);
    }
    if (map->is_sloppy) replace_in(bytes, mojibake->lossy, put_lost);
}

// Java's NUL, C0 80, and CESU-8, a pair of surrogates as UTF-8, become UTF-8. Bytes of one at `at`, or 0. A newline
// that ends the text stands in for a last byte that is missing: ftfy's expressions say $ where they mean the end.
static size_t variant(struct buffer *out, const unsigned char *bytes, size_t size) {
    const bool last_of_2 = size > 1 && (bytes[1] == 0x80 || (size == 2 && bytes[1] == '\n'));
    if (bytes[0] == 0xC0 && last_of_2) {
        buffer_append(out, "", 1);
        return 2;
    }
    if (size < 6 || bytes[0] != 0xED || bytes[1] >> 4 != 0xA || bytes[2] >> 6 != 2 || bytes[3] != 0xED ||
        bytes[4] >> 4 != 0xB || !(bytes[5] >> 6 == 2 || (size == 6 && bytes[5] == '\n')))
        return 0;
    unicode_append(out, 0x10000u + ((bytes[1] & 0xFu) << 16) + ((bytes[2] & 0x3Fu) << 10) + ((bytes[4] & 0xFu) << 6) +
                            (bytes[5] & 0x3Fu));
    return 6;
}

// The bytes as UTF-8; false when they are not.
static bool decode(struct buffer *out, const struct buffer *bytes) {
    const char *text = bytes->bytes;
    if (!memchr(text, 0xED, bytes->size) && !memchr(text, 0xC0, bytes->size))
        buffer_append(out, text, bytes->size);
    else
        for (size_t at = 0, used; at < bytes->size; at += used) {
            used = variant(out, (const unsigned char *)text + at, bytes->size - at);
            if (!used) buffer_append(out, text + at, used = 1);
        }
    return utf8_valid(out->bytes, out->size);
}

// The text as the UTF-8 that was read in `map`; `*possible` when all its characters are in there.
static bool undo(const struct mojibake *mojibake, struct buffer *out, const struct buffer *text,
                 const struct charmap *map, bool *possible) {
    struct buffer bytes = {0};
    *possible = charmap_encode(map, &bytes, text->bytes, text->size);
    if (*possible) restore_bytes(mojibake, &bytes, map);
    const bool done = *possible && decode(out, &bytes);
    if (!done) buffer_clear(out);
    buffer_release(&bytes);
    return done;
}

struct part {
    const struct mojibake *mojibake;
    size_t whole; // bytes of the text that parts are put right in
};

static void fix_part(void *context, struct buffer *out, const char *match, size_t size) {
    const struct part *part = context;
    struct buffer text = {0};
    buffer_append(&text, match, size);
    if (size < part->whole && is_bad(part->mojibake, match, size)) mojibake_fix(part->mojibake, &text);
    buffer_append(out, text.bytes, text.size);
    buffer_release(&text);
}

static bool fix_parts(const struct mojibake *mojibake, struct buffer *text) {
    struct part part = {mojibake, text->size};
    struct buffer made = {0};
    pattern_replace(mojibake->spoiled, &made, text->bytes, text->size, fix_part, &part);
    return become(text, &made);
}

// C1 controls as Windows-1252 has them. `whole`: none at all where it has nothing for one of them, as a decoder.
static bool fix_controls(struct buffer *text, bool whole) {
    struct buffer made = {0};
    bool holes = false;
    for (size_t at = 0, length; at < text->size; at += length) {
        uint32_t point = unicode_at(text->bytes + at, text->size - at, &length);
        const bool control = point >= 0x80 && point < 0xA0;
        const uint32_t meant = control ? charmap_windows_1252((uint8_t)point) : point;
        holes |= control && meant == point;
        unicode_append(&made, meant);
    }
    if (!(whole && holes)) return become(text, &made);
    buffer_release(&made);
    return false;
}

static bool undo_encoding(const struct mojibake *mojibake, struct buffer *text, bool *is_latin, bool *changed) {
    struct buffer made = {0};
    for (int i = 0; i < CHARMAPS; i++) {
        bool possible;
        if (undo(mojibake, &made, text, &charmaps[i], &possible)) {
            *changed = become(text, &made);
            return true;
        }
        if (i == CHARMAP_LATIN_1) *is_latin = possible;
    }
    return false;
}

// One attempt; false when the text stays as it is.
static bool fix_step(const struct mojibake *mojibake, struct buffer *text) {
    bool is_latin = false, changed = false;
    if (!text->size || !is_bad(mojibake, text->bytes, text->size)) return false;
    if (undo_encoding(mojibake, text, &is_latin, &changed)) return changed;
    return fix_parts(mojibake, text) || (is_latin && fix_controls(text, true)) || fix_controls(text, false);
}

void mojibake_fix(const struct mojibake *mojibake, struct buffer *text) {
    while (fix_step(mojibake, text)) continue;
}
