// What Python's str does to texts, on UTF-8, by libunistring: the cleaning of captions is defined in Python, and
// differs from what C libraries call lower case or white space in details that become tokens. Short ways for ASCII,
// which most captions are.
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

uint32_t unicode_at(const char *text, size_t size, size_t *length) {
    ucs4_t point;
    *length = (size_t)u8_mbtouc(&point, (const uint8_t *)text, size);
    return point;
}

void unicode_append(struct buffer *out, uint32_t point) {
    uint8_t bytes[6];
    buffer_append(out, bytes, (size_t)u8_uctomb(bytes, point, sizeof bytes));
}

bool unicode_is_ascii(const char *text, size_t size) {
    unsigned char all = 0;
    for (size_t i = 0; i < size; i++) all |= (unsigned char)text[i];
    return all < 0x80;
}

// Python counts the four separators of ASCII too, by their direction.
bool unicode_is_space(uint32_t point) {
    return (point >= 0x1C && point <= 0x1F) || uc_is_property_white_space(point);
}

// libunistring gives NULL only for lack of memory, as texts are valid here.
static void take(struct buffer *out, uint8_t *made, size_t size) {
    if (!made) die(EXIT_RUN, "out of memory");
    buffer_append(out, made, size);
    free(made);
}

static void ascii_lower(struct buffer *out, const char *text, size_t size) {
    const size_t start = out->size;
    buffer_append(out, text, size);
    for (char *c = out->bytes + start; size--; c++)
        if (*c >= 'A' && *c <= 'Z') *c += 'a' - 'A';
}

static void lower_part(struct buffer *out, const char *text, size_t size) {
    size_t length;
    if (!size) return;
    uint8_t *made = u8_tolower((const uint8_t *)text, size, NULL, NULL, NULL, &length);
    take(out, made, length);
}

typedef bool (*ignoring)(ucs4_t point);

// Whether the next character that is not ignored, ahead of `at` or behind it, is a letter with cases.
static bool cased_before(const char *text, size_t at, ignoring ignored) {
    while (at) {
        size_t length;
        do at--;
        while (((unsigned char)text[at] & 0xC0) == 0x80);
        const uint32_t point = unicode_at(text + at, 4, &length);
        if (!ignored(point)) return uc_is_property_cased(point);
    }
    return false;
}

static bool cased_behind(const char *text, size_t size, size_t at, ignoring ignored) {
    for (size_t length; at < size; at += length) {
        const uint32_t point = unicode_at(text + at, size - at, &length);
        if (!ignored(point)) return uc_is_property_cased(point);
    }
    return false;
}

// Sigma alone depends on what stands around it: at a word's end, behind a letter and before none, it is ς, elsewhere σ.
// libunistring looks less far than Python does, so texts are cut at sigmas and these are decided here.
static void lower(struct buffer *out, const char *text, size_t size, ignoring ignored) {
    static const char sigma[] = "\xCE\xA3";
    size_t at = 0;
    if (unicode_is_ascii(text, size)) {
        ascii_lower(out, text, size);
        return;
    }
    for (const char *next; (next = memmem(text + at, size - at, sigma, 2)); at = (size_t)(next - text) + 2) {
        const size_t place = (size_t)(next - text);
        lower_part(out, text + at, place - at);
        const bool final = cased_before(text, place, ignored) && !cased_behind(text, size, place + 2, ignored);
        unicode_append(out, final ? 0x3C2 : 0x3C3);
    }
    lower_part(out, text + at, size - at);
}

static bool joins_words(ucs4_t point) {
    return point == '-' || point == '_' || uc_is_property_decimal_digit(point) || uc_is_property_case_ignorable(point);
}

void unicode_lower(struct buffer *out, const char *text, size_t size) {
    lower(out, text, size, uc_is_property_case_ignorable);
}

void unicode_lower_joined(struct buffer *out, const char *text, size_t size) {
    lower(out, text, size, joins_words);
}

void unicode_upper(struct buffer *out, const char *text, size_t size) {
    size_t length;
    uint8_t *made = u8_toupper((const uint8_t *)text, size, NULL, NULL, NULL, &length);
    take(out, made, length);
}

// Nothing below U+0300, whose first byte is 0xCC, composes by itself: text without such a byte is composed already.
static bool is_composed(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] >= 0xCC) return false;
    return true;
}

void unicode_compose(struct buffer *out, const char *text, size_t size) {
    if (is_composed(text, size)) {
        buffer_append(out, text, size);
        return;
    }
    size_t length;
    uint8_t *made = u8_normalize(UNINORM_NFC, (const uint8_t *)text, size, NULL, &length);
    take(out, made, length);
}

// A blank is owed until a word comes: so none is left at the end.
void unicode_single_blanks(struct buffer *out, const char *text, size_t size) {
    const size_t start = out->size;
    bool blank = false;
    for (size_t at = 0, length; at < size; at += length) {
        if (unicode_is_space(unicode_at(text + at, size - at, &length))) {
            blank = true;
            continue;
        }
        if (blank && out->size > start) buffer_append(out, " ", 1);
        blank = false;
        buffer_append(out, text + at, length);
    }
}
