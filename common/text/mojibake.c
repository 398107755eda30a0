// Puts texts right that were UTF-8 and were read as another encoding, perhaps more than once. The heuristic, its sets
// of characters and the order of its attempts are ftfy's (github.com/rspeer/python-ftfy, Apache License 2.0), so that
// captions become the tokens that CLIP's models were trained on; clean.c calls it for each line.
//
// It knows the few hundred characters that UTF-8 turns into, and which of them do not stand beside each other in text
// that is right. Where such a pair is found, the text is written back into the bytes of each encoding in turn; the
// first whose bytes are UTF-8 was the one. Bytes that got lost or changed on the way (A0 to a blank, others to a
// replacement) are allowed for. Then again, as the result may be spoiled too. Every step is tried on whole lines first,
// then on parts.
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

// What does not stand in text that is right, an alternative a line: first neighbours by the sets they are of, then
// single spellings of one encoding in another. The sets say what characters are for: SET_BAD's are hardly used but by
// mistake, accented letters stand beside letters and not beside box drawing, a currency beside numbers. One strange
// pair is enough: it is then tried whether undoing an encoding gives valid UTF-8, which right text hardly ever does.
// clang-format off
static const char bad[] =
    // C1 controls, and rare characters beside anything that belongs to words or numbers
    ANY(SET_C1)
    "|" ANY(SET_BAD BESIDE_BAD) ANY(SET_BAD)
    "|" ANY("a-zA-Z") ANY(SET_LOWER_COMMON SET_UPPER_COMMON) ANY(SET_BAD)
    "|" ANY(SET_BAD) ANY(BESIDE_BAD)
    // an accented capital behind a small letter or a sign, an accented letter behind a sign, and the other way
    "|" ANY(SET_LOWER_ACCENTED SET_LOWER_COMMON SET_BOX SET_END_PUNCTUATION SIGNS) ANY(SET_UPPER_ACCENTED)
    "|" ANY(SET_BOX SET_END_PUNCTUATION SIGNS) ANY(SET_LOWER_ACCENTED)
    "|" ANY(SET_LOWER_ACCENTED SET_BOX SET_END_PUNCTUATION) ANY(SET_CURRENCY)
    // a capital before a currency sign may be fancy spelling, but not where a word begins
    "|" PYTHON_SPACE ANY(SET_UPPER_ACCENTED) ANY(SET_CURRENCY)
    "|" ANY(SET_UPPER_ACCENTED SET_BOX) ANY(SET_NUMERIC SET_LAW)
    // punctuation that opens where nothing can be opened
    "|" ANY(ACCENTED SET_BOX SET_CURRENCY SET_END_PUNCTUATION) ANY(SET_START_PUNCTUATION) ANY(SET_NUMERIC)
    "|" ANY(ACCENTED SIGNS SET_BOX SET_LAW) ANY(SET_END_PUNCTUATION) ANY(SET_START_PUNCTUATION)
    "|" ANY(SIGNS SET_BOX) ANY(SET_START_PUNCTUATION)
    "|" ANY("a-z") ANY(SET_UPPER_ACCENTED) ANY(SET_START_PUNCTUATION SET_CURRENCY)
    // box drawing within text; letters that faces are made of, as (Ò_Ó), prove nothing elsewhere
    "|" ANY(SET_BOX) ANY(SET_KAOMOJI SET_END_PUNCTUATION)
    "|" ANY(ACCENTED SIGNS PUNCTUATION SET_LAW) ANY(SET_BOX)
    "|" ANY(ACCENTED) ANY(PUNCTUATION) "[\\p{L}\\p{N}_]"
    // a ligature stands before a plain letter, a degree behind a number
    "|[Œœ][^A-Za-z]"
    "|" ANY(SET_UPPER_ACCENTED) "°"
    // Windows-1252: the first bytes C2, C3, CE, D0 and D7; D8 and D9, Arabic, whose second bytes are common signs, only
    // twice in a row; E0 of South Asian scripts
    "|[ÂÃÎÐ]" ANY("€œŠš¢£Ÿž\\xa0\\xad®©°·»–—´" PUNCTUATION)
    "|×[²³]"
    "|" ARABIC ARABIC
    "|à[²µ¹¼½¾]"
    // Mac OS Roman: C3 and C5 of letters, E2 of typographic and mathematical signs
    "|√[±∂†≠®™´≤≥¥µø]"
    "|≈[°¢]"
    "|‚Ä[ìîïòôúùû†°¢π]"
    "|‚[âó][àä°ê]"
    // Windows-1251: typographic signs; C2, C3, D0 and D1 only with another of them behind, as they are letters; quotes
    // that were spoiled twice
    "|вЂ"
    "|" AROUND("ВГРС", "°µ")
    "|ГўВЂВ.[A-Za-z ]"
    // Windows-1252 again: à and á; first bytes whose A0, a hard blank, became a blank; Â before what it stands for
    "|Ã[\\xa0¡]"
    "|(?:^|[a-z]" PYTHON_SPACE "?)[ÃÂ] "
    "|" ANY("a-z.,?!" SET_END_PUNCTUATION) "Â" ANY(" " PUNCTUATION)
    // Windows-1253, Greek, as 1251; Windows-1257, Baltic
    "|β€[™\\xa0Ά\\xad®°]"
    "|" AROUND("ΒΓΞΟ", "°")
    "|ā€";

// Characters that bytes of UTF-8 read as, a sequence after the other, in any of the encodings; not begun within one.
static const char spoiled[] =
    "(?<!" ANY(UTF8_CONTINUATION_STRICT) ")(?>"
    ANY(UTF8_FIRST_OF_2) ANY(UTF8_CONTINUATION)
    "|" ANY(UTF8_FIRST_OF_3) ANY(UTF8_CONTINUATION) "{2}"
    "|" ANY(UTF8_FIRST_OF_4) ANY(UTF8_CONTINUATION) "{3})++";
// clang-format on

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

// Nothing is spoiled in ASCII, which is most lines, and the expression is long.
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

// What was done to the bytes before or after they were misread. In "sloppy" encodings U+FFFD became byte 1A, which
// stands for a byte that is lost; a sequence with one in it becomes U+FFFD again, so that the rest of the text can be
// saved.
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

// The text as the UTF-8 that was read in `map`; `*possible` when all its characters are in there. Right text has next
// to no chance: a sequence of two needs a lead byte and a continuation, as neighbours, wherever a byte is above 7F.
static bool undo(const struct mojibake *mojibake, struct buffer *out, const struct buffer *text,
                 const struct charmap *map, bool *possible) {
    struct buffer bytes = {0};
    *possible = charmap_encode(map, &bytes, text->bytes, text->size);
    if (*possible) restore_bytes(mojibake, &bytes, map);
    const bool done = *possible && decode(out, &bytes);
    if (!done) buffer_release(out);
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

// Text that was put together from sources, some spoiled: what looks like bytes of UTF-8 is put right by itself. A match
// that is all of the text was tried before, and would come back here for ever.
static bool fix_parts(const struct mojibake *mojibake, struct buffer *text) {
    struct part part = {mojibake, text->size};
    struct buffer made = {0};
    pattern_replace(mojibake->spoiled, &made, text->bytes, text->size, fix_part, &part);
    return become(text, &made);
}

// C1 controls as Windows-1252 has them: bytes 80 … 9F of a text in Windows-1252 that was read as Latin-1, which puts
// controls there. `whole`: none at all where Windows-1252 has nothing for one of them, as a decoder that fails.
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

// A text may be possible in several encodings: they come in ftfy's order, and the first counts.
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

// One attempt, the first that helps of ftfy's: an encoding undone, parts put right, Latin-1 that is Windows-1252,
// single controls. False when the text stays as it is.
static bool fix_step(const struct mojibake *mojibake, struct buffer *text) {
    bool is_latin = false, changed = false;
    if (!text->size || !is_bad(mojibake, text->bytes, text->size)) return false;
    if (undo_encoding(mojibake, text, &is_latin, &changed)) return changed;
    return fix_parts(mojibake, text) || (is_latin && fix_controls(text, true)) || fix_controls(text, false);
}

// Undoing a misreading makes one character of several, and controls are replaced for good: so there is a last step.
void mojibake_fix(const struct mojibake *mojibake, struct buffer *text) {
    while (fix_step(mojibake, text)) continue;
}
