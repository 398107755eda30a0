// Character references of HTML, by two rules that differ. html_unescape is what browsers and Python do: also "&ampx",
// the longest name that is known, without a semicolon. ftfy, which works on text that may be no HTML at all, takes only
// what ends in a semicolon, and capitals too. clean.c uses both, one after the other, as open_clip does. Names are HTML
// 5's 2,231 (tables/entities.inc), some with and some without semicolon.
#include "text/html.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text/charmap.h"
#include "text/unicode.h"

struct entity {
    const char *name, *text;
};

// In the order of strcmp.
static const struct entity entities[] = {
#include "text/tables/entities.inc"
};

struct name {
    const char *bytes;
    size_t size;
};

// The key is no C string: it equals an entity whose name ends where it does.
static int compare(const void *key, const void *row) {
    const struct name *name = key;
    const struct entity *entity = row;
    int order = strncmp(name->bytes, entity->name, name->size);
    return order ? order : -(entity->name[name->size] != 0);
}

static const char *find(const char *name, size_t size) {
    struct name key = {name, size};
    if (memchr(name, 0, size)) return NULL;
    const struct entity *found = bsearch(&key, entities, sizeof entities / sizeof *entities, sizeof *entities, compare);
    return found ? found->text : NULL;
}

static bool is_noncharacter(uint32_t point) {
    return (point & 0xFFFE) == 0xFFFE || (point >= 0xFDD0 && point <= 0xFDEF);
}

// What browsers make of a number: Windows-1252 for C1 controls, as pages mean that by them; U+FFFD for what is no
// character; nothing for other controls but blanks.
static void append_number(struct buffer *out, uint32_t point) {
    if (point >= 0x80 && point < 0xA0)
        unicode_append(out, charmap_windows_1252((uint8_t)point));
    else if (point == 0 || (point >= 0xD800 && point <= 0xDFFF) || point > 0x10FFFF)
        unicode_append(out, 0xFFFD);
    else if (!is_noncharacter(point) && point != 0x7F && (point >= ' ' || strchr("\t\n\f\r", (int)point)))
        unicode_append(out, point);
}

// "&#38;", "&#x26;" with or without the semicolon; returns its bytes, 0 when there is none.
static size_t unescape_number(struct buffer *out, const char *text, size_t size) {
    size_t at = 2;
    const bool hexadecimal = size > 2 && (text[2] == 'x' || text[2] == 'X');
    const char *digits = hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
    uint32_t point = 0;
    at += hexadecimal;
    const size_t first = at;
    for (; at < size && text[at] && strchr(digits, text[at]); at++) {
        uint32_t digit = (uint32_t)(isdigit((unsigned char)text[at]) ? text[at] - '0' : (text[at] | 32) - 'a' + 10);
        point = point * (hexadecimal ? 16 : 10) + digit;
        if (point > 0x110000) point = 0x110000; // beyond the last: how far does not matter
    }
    if (at == first) return 0;
    append_number(out, point);
    return at + (at < size && text[at] == ';');
}

// Bytes of the name behind '&': up to 32 characters that end none, and a semicolon.
static size_t name_size(const char *text, size_t size) {
    size_t at = 0, length;
    for (int count = 0; count < 32 && at < size && (!text[at] || !strchr("\t\n\f <&#;", text[at])); count++) {
        unicode_at(text + at, size - at, &length);
        at += length;
    }
    return at + (at && at < size && text[at] == ';');
}

// The longest known name of at least two characters at its begin; none is longer than the longest of the table.
// "&notit;" is "¬it;", as HTML has "not" without a semicolon but no "notit;".
static size_t unescape_name(struct buffer *out, const char *text, size_t size) {
    const char *name = text + 1, *found = NULL;
    const size_t whole = name_size(name, size - 1);
    size_t known = whole;
    for (; known && !(found = find(name, known)); known--)
        if (known <= 2) break;
    if (!found) known = 0;
    buffer_text(out, found ? found : whole ? "&" : "");
    buffer_append(out, name + known, whole - known);
    return whole ? 1 + whole : 0;
}

void html_unescape(struct buffer *out, const char *text, size_t size) {
    for (size_t at = 0, used; at < size; at += used) {
        const char *next = memchr(text + at, '&', size - at);
        const size_t before = next ? (size_t)(next - text) : size;
        buffer_append(out, text + at, before - at);
        if (!next) break;
        const size_t left = size - before;
        used = left > 1 && next[1] == '#' ? unescape_number(out, next, left) : unescape_name(out, next, left);
        if (!used) buffer_append(out, next, used = 1);
        used += before - at;
    }
}

// Bytes of "&", perhaps "#", 1 to 24 letters and digits and ";"; 0 when that is not there.
static size_t sure_size(const char *text, size_t size) {
    const size_t first = 1 + (size > 1 && text[1] == '#');
    size_t at = first;
    while (at < size && at < first + 24 && isalnum((unsigned char)text[at])) at++;
    return at > first && at < size && text[at] == ';' ? at + 1 : 0;
}

// "&NTILDE;" is "&ntilde;" in capitals unless HTML reads it otherwise. `out` is empty.
static bool capitals(struct buffer *out, const char *text, size_t size) {
    char lower[32];
    struct buffer plain = {0};
    html_unescape(&plain, text, size);
    const bool known = plain.size != size || memcmp(plain.bytes, text, size);
    buffer_release(&plain);
    for (size_t i = 1; i < size; i++) {
        if (islower((unsigned char)text[i])) return false;
        lower[i - 1] = (char)tolower((unsigned char)text[i]);
    }
    const char *found = known ? NULL : find(lower, size - 1);
    if (found) unicode_upper(out, found, strlen(found));
    return found;
}

// A number that HTML reads only in part leaves its semicolon behind: then it is left as it was.
static void unescape_sure(struct buffer *out, const char *text, size_t size) {
    struct buffer made = {0};
    const bool number = text[1] == '#';
    const char *found = number ? NULL : find(text + 1, size - 1);
    if (found)
        buffer_text(out, found);
    else if (number ? (html_unescape(&made, text, size), !memchr(made.bytes ? made.bytes : "", ';', made.size))
                    : capitals(&made, text, size))
        buffer_append(out, made.bytes, made.size);
    else
        buffer_append(out, text, size);
    buffer_release(&made);
}

void html_unescape_sure(struct buffer *out, const char *text, size_t size) {
    for (size_t at = 0, used; at < size; at += used) {
        used = text[at] == '&' ? sure_size(text + at, size - at) : 0;
        if (used)
            unescape_sure(out, text + at, used);
        else
            buffer_append(out, text + at, used = 1);
    }
}
