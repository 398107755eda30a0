// The evaluation's normalisation, rule by rule in its order. It has slips that published numbers depend on, so they are
// here too: whether a sign becomes a blank or nothing is asked of the whole text, for each sign once; full stops go
// only up to the 32nd, as a flag is passed where a count belongs; and those behind a digit go as well, as what was to
// keep them is misspelled.
#include "measure/vqa_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

#define FULL_STOPS_REMOVED 32

struct exchange {
    const char *from, *to;
};

static const struct exchange contractions[] = {
#include "measure/tables/vqa_contractions.inc"
};

static const struct exchange numbers[] = {
    {"eight", "8"}, {"five", "5"}, {"four", "4"}, {"nine", "9"},  {"none", "0"}, {"one", "1"},
    {"seven", "7"}, {"six", "6"},  {"ten", "10"}, {"three", "3"}, {"two", "2"},  {"zero", "0"},
};

static int by_source(const void *key, const void *entry) {
    return strcmp(key, ((const struct exchange *)entry)->from);
}

// The word that stands for `word`, itself if none does.
#define EXCHANGED(word, table) exchanged(word, table, sizeof table / sizeof *table)
static const char *exchanged(const char *word, const struct exchange *table, size_t count) {
    const struct exchange *found = bsearch(word, table, count, sizeof *table, by_source);
    return found ? found->to : word;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

void vqa_strip(struct buffer *to, struct span text) {
    struct buffer valid = {0};
    utf8_repair(&valid, text.bytes, text.size);
    size_t first = to->size, length, end = first;
    buffer_text(to, "");
    for (size_t at = 0; at < valid.size; at += length) {
        const uint32_t point = unicode_at(valid.bytes + at, valid.size - at, &length);
        const bool is_space = unicode_is_space(point);
        if (is_space && to->size == first) continue;
        buffer_append(to, point == '\n' || point == '\t' ? " " : valid.bytes + at, length);
        if (!is_space) end = to->size;
    }
    to->bytes[to->size = end] = 0;
    buffer_release(&valid);
}

static bool has_comma_in_number(const char *text, size_t size) {
    for (size_t i = 1; i + 1 < size; i++)
        if (text[i] == ',' && is_digit(text[i - 1]) && is_digit(text[i + 1])) return true;
    return false;
}

static bool stands_at_blank(const char *text, size_t size, char sign) {
    for (size_t i = 0; i + 1 < size; i++)
        if ((text[i] == sign && text[i + 1] == ' ') || (text[i] == ' ' && text[i + 1] == sign)) return true;
    return false;
}

// What becomes of each sign, by its byte: 0 stays, ' ' becomes a blank, 'd' is deleted.
static void judge_signs(char fate[256], const char *text, size_t size) {
    const bool all = has_comma_in_number(text, size);
    memset(fate, 0, 256);
    for (const char *sign = ";/[]\"{}()=+\\_-><@`,?!"; *sign; sign++)
        fate[(unsigned char)*sign] = all || stands_at_blank(text, size, *sign) ? 'd' : ' ';
}

static void drop_signs(struct buffer *to, const char *text, size_t size) {
    char fate[256];
    judge_signs(fate, text, size);
    buffer_text(to, "");
    for (size_t i = 0; i < size; i++) {
        const char what = fate[(unsigned char)text[i]];
        if (what != 'd') buffer_append(to, what ? " " : &text[i], 1);
    }
}

// In place: full stops that no digit follows.
static void drop_full_stops(struct buffer *text) {
    size_t kept = 0, dropped = 0;
    for (size_t i = 0; i < text->size; i++) {
        const bool drops = text->bytes[i] == '.' && !(i + 1 < text->size && is_digit(text->bytes[i + 1]));
        if (drops && dropped++ < FULL_STOPS_REMOVED) continue;
        text->bytes[kept++] = text->bytes[i];
    }
    text->bytes[text->size = kept] = 0;
}

static bool is_article(const char *word) {
    return !strcmp(word, "a") || !strcmp(word, "an") || !strcmp(word, "the");
}

// `word` ends with a NUL of its own.
static void add_word(struct buffer *to, size_t first, const char *word) {
    const char *number = EXCHANGED(word, numbers);
    if (is_article(number)) return;
    if (to->size > first) buffer_text(to, " ");
    buffer_text(to, EXCHANGED(number, contractions));
}

static void join_words(struct buffer *to, const char *text, size_t size) {
    struct buffer words = {0};
    const size_t first = to->size;
    buffer_text(to, "");
    unicode_single_blanks(&words, text, size);
    for (char *word = words.bytes, *end; word && *word; word = end) {
        end = word + strcspn(word, " ");
        if (*end) *end++ = 0;
        add_word(to, first, word);
    }
    buffer_release(&words);
}

void vqa_normalise(struct buffer *to, struct span text) {
    struct buffer stripped = {0}, plain = {0}, lower = {0};
    vqa_strip(&stripped, text);
    drop_signs(&plain, stripped.bytes, stripped.size);
    drop_full_stops(&plain);
    unicode_lower(&lower, plain.bytes, plain.size);
    join_words(to, lower.bytes, lower.size);
    buffer_release(&stripped);
    buffer_release(&plain);
    buffer_release(&lower);
}

void vqa_answer(struct buffer *to, struct span text) {
    size_t kept = to->size;
    vqa_normalise(to, text);
    for (size_t i = kept; i < to->size; i++)
        if (to->bytes[i] != ',') to->bytes[kept++] = to->bytes[i];
    to->bytes[to->size = kept] = 0;
}
