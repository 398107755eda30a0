// METEOR's normalizer, which comes from Moses' tokenizer: a text goes through one pass of rewriting after another, each
// over what the one before left. A rule looks at a mark and at the characters beside it, and goes on behind those: of
// "a-b-c" only the first hyphen is between two characters for it. Numbers depend on that, so it stays.
#include "text/meteor_words.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

// One dot of several in a row: these are a word that no rule looks into.
#define DOT_OF_SEVERAL 0x110000u

struct points {
    uint32_t *point;
    size_t count, room;
};

static void push(struct points *points, uint32_t point) {
    if (points->count == points->room) {
        points->room = points->room ? 2 * points->room : 256;
        points->point = xrealloc_array(points->point, points->room, sizeof *points->point);
    }
    points->point[points->count++] = point;
}

static void push_text(struct points *points, const char *ascii) {
    for (; *ascii; ascii++) push(points, (unsigned char)*ascii);
}

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *range, size_t ranges, uint32_t point) {
    for (size_t i = 0; i < ranges; i++)
        if (point >= range[i].first && point <= range[i].last) return true;
    return false;
}

static bool is_digit(uint32_t point) {
    return point >= '0' && point <= '9';
}
static bool is_letter(uint32_t point) {
    static const struct range letters[] = {
        {'A', 'Z'},     {'a', 'z'},     {0xc0, 0xd6},     {0xd8, 0xf6},     {0xf8, 0x17e},
        {0x400, 0x4ff}, {0x500, 0x527}, {0xa640, 0xa66e}, {0xa67e, 0xa697}, {0x1d00, 0x1d7f},
    };
    return is_in(letters, sizeof letters / sizeof *letters, point);
}
static bool is_other_than_digit(uint32_t point) {
    return !is_digit(point);
}
static bool is_other_than_letter(uint32_t point) {
    return !is_letter(point);
}
static bool is_other(uint32_t point) {
    return !is_letter(point) && !is_digit(point);
}
static bool is_alphanumeric(uint32_t point) {
    return is_letter(point) || is_digit(point);
}
static bool is_alphanumeric_or_dot(uint32_t point) {
    return is_alphanumeric(point) || point == '.';
}
static bool is_s(uint32_t point) {
    return point == 's';
}
// What parts words; the vertical tabulator does not.
static bool is_blank(uint32_t point) {
    return point == ' ' || point == '\t' || point == '\n' || point == '\r' || point == '\f';
}
// Blanks that are words of their own until the end, when they go.
static bool is_wide_blank(uint32_t point) {
    return (point >= 0x2000 && point <= 0x200a) || point == 0x202f || point == 0x205f || point == 0x3000 ||
           point == 0xa0;
}
static bool is_single_quote(uint32_t point) {
    return point == '\'' || point == '`' || point == 0x2018 || point == 0x2019;
}
static bool stays_attached(uint32_t point) {
    return is_alphanumeric(point) || is_blank(point) || is_single_quote(point) || point == '\v' || point == '.' ||
           point == ',' || point == '-';
}

// Between `before` and `after` the mark becomes `written`.
struct rule {
    bool (*before)(uint32_t point);
    char mark;
    bool (*after)(uint32_t point);
    const char *written;
};
static const struct rule commas[] = {
    {is_other_than_digit, ',', is_other_than_digit, " , "},
    {is_digit, ',', is_other_than_digit, " , "},
    {is_other_than_digit, ',', is_digit, " , "},
};
static const struct rule hyphens_and_apostrophes[] = {
    {is_alphanumeric_or_dot, '-', is_alphanumeric, " "},
    {is_other_than_letter, '\'', is_other_than_letter, " ' "},
    {is_other, '\'', is_letter, " ' "},
    {is_letter, '\'', is_other_than_letter, " ' "},
    {is_letter, '\'', is_letter, " '"},
    {is_digit, '\'', is_s, " '"},
};

// A text between two passes.
struct passes {
    struct points now, next;
};

static void turn(struct passes *passes) {
    const struct points done = passes->now;
    passes->now = passes->next;
    passes->next = done;
    passes->next.count = 0;
}

static bool applies(const struct rule *rule, const struct points *points, size_t i) {
    return i + 2 < points->count && points->point[i + 1] == (unsigned char)rule->mark &&
           rule->before(points->point[i]) && rule->after(points->point[i + 2]);
}

static void apply(struct passes *passes, const struct rule *rules, size_t count) {
    for (const struct rule *rule = rules; rule < rules + count; rule++) {
        const struct points *now = &passes->now;
        for (size_t i = 0; i < now->count; i++) {
            push(&passes->next, now->point[i]);
            if (!applies(rule, now, i)) continue;
            push_text(&passes->next, rule->written);
            push(&passes->next, now->point[i + 2]);
            i += 2;
        }
        turn(passes);
    }
}

static void push_apart(struct points *points, uint32_t point) {
    push(points, ' ');
    push(points, point);
    push(points, ' ');
}

// Blanks around all and around what is no part of a word.
static void read(struct passes *passes, const char *text, size_t size) {
    push(&passes->next, ' ');
    for (size_t i = 0, length; i < size; i += length) {
        const uint32_t point = unicode_at(text + i, size - i, &length);
        if (stays_attached(point))
            push(&passes->next, point);
        else
            push_apart(&passes->next, point);
    }
    push(&passes->next, ' ');
    turn(passes);
}

static void part_dots(struct passes *passes) {
    const struct points *now = &passes->now;
    for (size_t i = 0, dots; i < now->count; i += dots ? dots : 1) {
        for (dots = 0; i + dots < now->count && now->point[i + dots] == '.';) dots++;
        if (dots < 2) {
            push(&passes->next, now->point[i]);
            continue;
        }
        push(&passes->next, ' ');
        for (size_t k = 0; k < dots; k++) push(&passes->next, DOT_OF_SEVERAL);
        push(&passes->next, ' ');
    }
    turn(passes);
}

// How many points the double quotation mark there has: a curly one, or two single ones.
static size_t double_quote(const struct points *points, size_t i) {
    if (points->point[i] == 0x201c || points->point[i] == 0x201d) return 1;
    return is_single_quote(points->point[i]) && i + 1 < points->count && is_single_quote(points->point[i + 1]) ? 2 : 0;
}

static void unify_quotes(struct passes *passes) {
    const struct points *now = &passes->now;
    for (size_t i = 0, quote; i < now->count; i += quote ? quote : 1) {
        quote = double_quote(now, i);
        if (quote)
            push_apart(&passes->next, '"');
        else
            push(&passes->next, is_single_quote(now->point[i]) ? '\'' : now->point[i]);
    }
    turn(passes);
}

static bool is_dash(const struct points *points, size_t i) {
    return i < points->count && (points->point[i] == '-' || points->point[i] == 0x2013);
}

static void unify_dashes(struct passes *passes) {
    const struct points *now = &passes->now;
    for (size_t i = 0; i < now->count; i++) {
        const bool dash = is_dash(now, i);
        push(&passes->next, dash ? '-' : now->point[i]);
        if (dash && is_dash(now, i + 1)) i++;
    }
    turn(passes);
}

struct writing {
    struct buffer *out;
    struct buffer word; // without its last dot
    meteor_prefix_of *prefix_of;
    void *context;
};

static void write_points(struct buffer *out, const uint32_t *point, size_t count) {
    for (size_t i = 0; i < count; i++) unicode_append(out, point[i] == DOT_OF_SEVERAL ? '.' : point[i]);
}

// "u.s." is written "us".
static bool write_abbreviation(struct buffer *out, const uint32_t *point, size_t count) {
    bool dots = false, letters = false;
    for (size_t i = 0; i + 1 < count; i++) {
        dots = dots || point[i] == '.';
        letters = letters || is_letter(point[i]);
    }
    if (!dots || !letters) return false;
    for (size_t i = 0; i < count; i++)
        if (point[i] != '.') write_points(out, point + i, 1);
    return true;
}

// `next` is what the following word begins with, 0 at the end.
static bool keeps_dot(struct writing *writing, const uint32_t *point, size_t count, uint32_t next) {
    buffer_clear(&writing->word);
    write_points(&writing->word, point, count - 1);
    const enum meteor_prefix prefix = writing->prefix_of(writing->context, writing->word.bytes, writing->word.size);
    return prefix == METEOR_PREFIX || (next >= 'a' && next <= 'z') ||
           (prefix == METEOR_NUMBER_PREFIX && is_digit(next));
}

static void write_word(struct writing *writing, const uint32_t *point, size_t count, uint32_t next) {
    if (is_wide_blank(*point)) return;
    if (count < 2 || point[count - 1] != '.') {
        write_points(writing->out, point, count);
    } else if (!write_abbreviation(writing->out, point, count)) {
        const bool keeps = keeps_dot(writing, point, count, next);
        buffer_append(writing->out, writing->word.bytes, writing->word.size);
        buffer_text(writing->out, keeps ? "." : " .");
    }
    buffer_text(writing->out, " ");
}

static size_t skip(const struct points *points, size_t i, bool blank) {
    while (i < points->count && is_blank(points->point[i]) == blank) i++;
    return i;
}

static void write_all(struct writing *writing, const struct points *points) {
    for (size_t i = skip(points, 0, true); i < points->count;) {
        const size_t end = skip(points, i, false), following = skip(points, end, true);
        write_word(writing, points->point + i, end - i, following < points->count ? points->point[following] : 0);
        i = following;
    }
}

// Control characters around a text are blanks, in Java's view.
static void trim(const char **text, size_t *size) {
    while (*size && (unsigned char)**text <= ' ') ++*text, --*size;
    while (*size && (unsigned char)(*text)[*size - 1] <= ' ') --*size;
}

void meteor_words(struct buffer *out, const char *text, size_t size, meteor_prefix_of *prefix_of, void *context) {
    struct passes passes = {.now = {.count = 0}};
    struct buffer words = {0};
    struct writing writing = {.out = &words, .prefix_of = prefix_of, .context = context};
    trim(&text, &size);
    read(&passes, text, size);
    part_dots(&passes);
    apply(&passes, commas, sizeof commas / sizeof *commas);
    unify_quotes(&passes);
    unify_dashes(&passes);
    apply(&passes, hyphens_and_apostrophes, sizeof hyphens_and_apostrophes / sizeof *hyphens_and_apostrophes);
    write_all(&writing, &passes.now);
    const char *begin = words.bytes;
    trim(&begin, &words.size);
    if (words.size) unicode_lower(out, begin, words.size);
    buffer_release(&words);
    buffer_release(&writing.word);
    free(passes.now.point);
    free(passes.next.point);
}
