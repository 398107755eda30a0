// JSON as Python's json module reads and writes it, which is what most tools of this field use: json.dumps writes NaN
// and numbers of any length, texts come from EXIF with NUL in them and from captions that were cut within a surrogate
// pair. jansson refuses all of these, mostly in fields that nobody asks for. So a text that jansson refuses is
// rewritten into one that it takes, by rules of json.h, and tried once more. What stands in for a word is as long as
// the word, so that the places of errors stay; only quotes around digits have to be counted.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/lines.h"
#include "base/memory.h"

struct rewriting {
    const char *at, *end;
    struct buffer out;
    bool is_text; // `at` is between quotes
    int quotes;   // added in this line
};

static size_t left(const struct rewriting *rewriting) {
    return (size_t)(rewriting->end - rewriting->at);
}

static void copy(struct rewriting *rewriting, size_t size) {
    buffer_append(&rewriting->out, rewriting->at, size);
    rewriting->at += size;
}

static void replace(struct rewriting *rewriting, size_t size, const char *text) {
    buffer_text(&rewriting->out, text);
    rewriting->at += size;
}

// The shortest word, NaN, is longer than an empty object.
static void replace_number(struct rewriting *rewriting, size_t size) {
    buffer_format(&rewriting->out, "%-*s", (int)size, "{}");
    rewriting->at += size;
}

// The code of "\uXXXX", -1 if there is none.
static long escaped(const char *at, const char *end) {
    char digits[5] = "";
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
    memcpy(digits, at + 2, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

// A pair of surrogates is one character, half a pair none.
static void rewrite_escape(struct rewriting *rewriting) {
    const long code = escaped(rewriting->at, rewriting->end);
    const bool is_high = code >= 0xD800 && code < 0xDC00, is_low = code >= 0xDC00 && code < 0xE000;
    const long next = is_high ? escaped(rewriting->at + 6, rewriting->end) : -1;
    if (next >= 0xDC00 && next < 0xE000)
        copy(rewriting, 12);
    else if (is_high || is_low)
        replace(rewriting, 6, "\\ufffd");
    else if (code == 0)
        replace(rewriting, 6, "\\u0020");
    else
        copy(rewriting, left(rewriting) < 2 ? 1 : 2);
}

enum magnitude { USUAL, MANY_DIGITS, NOT_FINITE };

// What is no number to JSON either, as 01, is left to jansson.
static enum magnitude magnitude_of(const char *number) {
    const char *digits = number + (*number == '-');
    const size_t count = strspn(digits, "0123456789");
    char *end;
    errno = 0;
    if (!digits[count]) {
        strtoll(number, &end, 10);
        return errno && *digits != '0' ? MANY_DIGITS : USUAL;
    }
    return isfinite(strtod(number, &end)) || *end ? USUAL : NOT_FINITE;
}

static void rewrite_number(struct rewriting *rewriting) {
    size_t size = 1;
    while (size < left(rewriting) && strchr("+-.0123456789Ee", rewriting->at[size]) && rewriting->at[size]) size++;
    char *number = xstrndup(rewriting->at, size);
    const enum magnitude magnitude = magnitude_of(number);
    if (magnitude == NOT_FINITE) {
        replace_number(rewriting, size);
    } else if (magnitude == MANY_DIGITS) {
        buffer_format(&rewriting->out, "\"%s\"", number);
        rewriting->at += size;
        rewriting->quotes += 2;
    } else {
        copy(rewriting, size);
    }
    free(number);
}

static void rewrite_value(struct rewriting *rewriting) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t size = strlen(words[i]);
        if (left(rewriting) >= size && !memcmp(rewriting->at, words[i], size)) return replace_number(rewriting, size);
    }
    if (*rewriting->at == 'N' || *rewriting->at == 'I') return copy(rewriting, 1);
    rewrite_number(rewriting);
}

// Bytes that stand for themselves, whatever they are.
static size_t plain(const struct rewriting *rewriting) {
    const char *stops = rewriting->is_text ? "\"\\" : "\"-0123456789NI\n";
    size_t size = 0;
    while (size < left(rewriting) && (!strchr(stops, rewriting->at[size]) || !rewriting->at[size])) size++;
    return size;
}

static void step(struct rewriting *rewriting) {
    const size_t size = plain(rewriting);
    const char byte = *rewriting->at;
    if (size) return copy(rewriting, size);
    if (byte == '"') rewriting->is_text = !rewriting->is_text;
    if (byte == '\n') rewriting->quotes = 0;
    if (byte == '\\') return rewrite_escape(rewriting);
    if (byte == '"' || byte == '\n') return copy(rewriting, 1);
    rewrite_value(rewriting);
}

// Rewrites until `size` bytes are there, or the text ends.
static void rewrite(struct rewriting *rewriting, const char *bytes, const char *end, size_t size) {
    *rewriting = (struct rewriting){.at = bytes, .end = end};
    while (rewriting->at < end && rewriting->out.size < size) step(rewriting);
}

static json_t *parse_rewritten(const char *bytes, const char *end, json_error_t *place) {
    struct rewriting rewriting;
    rewrite(&rewriting, bytes, end, SIZE_MAX);
    json_t *document = json_loadb(rewriting.out.bytes, rewriting.out.size, 0, place);
    buffer_release(&rewriting.out);
    if (document) return document;
    rewrite(&rewriting, bytes, end, (size_t)place->position);
    place->column -= rewriting.quotes;
    buffer_release(&rewriting.out);
    return NULL;
}

json_t *json_parse(const char *bytes, size_t size, json_error_t *place) {
    const size_t mark = lines_mark(bytes, size);
    json_t *document = json_loadb(bytes + mark, size - mark, 0, place);
    return document || size == mark ? document : parse_rewritten(bytes + mark, bytes + size, place);
}
