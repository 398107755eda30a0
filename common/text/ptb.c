// The tokenizer of COCO's caption scores, without Java: a caption is cut by ptb_rules.c, each token is written as
// Stanford CoreNLP 3.4.1 does (-preserveLines -lowerCase), and what COCO's script calls punctuation is left out.
#include "text/ptb.h"

#include <stdbool.h>
#include <string.h>

#include "text/ptb_rules.h"
#include "text/ptb_shadow.h"
#include "text/unicode.h"

struct spelling {
    const char *token, *written;
};

// Marks that are written as others, or not at all.
static const struct spelling marks[] = {
    {"(", "-lrb-"},    {")", "-rrb-"},     {"’", "'"},         {"‘", "`"},       {"\xC2\x91", "`"}, {"\xC2\x92", "'"},
    {"‛", "`"},        {"[", "-lsb-"},     {"]", "-rsb-"},     {"{", "-lcb-"},   {"}", "-rcb-"},    {"¢", "cents"},
    {"£", "#"},        {"€", "$"},         {"₠", "$"},         {"¤", "$"},       {"\xC2\x80", "$"}, {"½", "1/2"},
    {"¼", "1/4"},      {"¾", "3/4"},       {"⅓", "1/3"},       {"⅔", "2/3"},     {"&amp;", "&"},    {"&lt;", "<"},
    {"&gt;", ">"},     {"&nbsp;", ""},     {"&apos;", "'"},    {"&quot;", "''"}, {"&mdash;", "--"}, {"&ndash;", "--"},
    {"\xC2\xAD", "-"}, {"“", "``"},        {"”", "''"},        {"«", "``"},      {"»", "''"},       {"‹", "`"},
    {"›", "'"},        {"\xC2\x93", "``"}, {"\xC2\x94", "''"},
};
enum { MARKS = sizeof marks / sizeof *marks };

static const char *const punctuation[] = {"", "''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", ";"};
enum { PUNCTUATION = sizeof punctuation / sizeof *punctuation };

static bool equals(const char *text, size_t size, const char *other) {
    return size == strlen(other) && (!size || !memcmp(text, other, size));
}

static void write_mark(struct buffer *token, const char *text, size_t size) {
    for (int i = 0; i < MARKS; i++)
        if (equals(text, size, marks[i].token)) {
            buffer_text(token, marks[i].written);
            return;
        }
    buffer_append(token, text, size);
}

// What a character of a token becomes for its class, or NULL where it stays.
static const char *written_as(char class, enum ptb_writing writing) {
    switch ((uint8_t) class) {
    case PTB_CURLY: return writing == PTB_SUFFIX ? "'" : NULL;
    case '(': return writing == PTB_TAG ? NULL : "-lrb-";
    case ')': return writing == PTB_TAG ? NULL : "-rrb-";
    case ' ': return "\xC2\xA0"; // NO-BREAK SPACE
    case PTB_SOFT_HYPHEN: return writing == PTB_KEPT ? NULL : "";
    case PTB_OPENING: return writing == PTB_SUFFIX ? "`" : NULL;
    default: return NULL;
    }
}

static void write_characters(struct buffer *token, const struct ptb_shadow *shadow, const char *text, size_t from,
                             struct ptb_token of) {
    for (size_t i = from; i < of.end; i++) {
        const char *written = written_as(shadow->bytes.bytes[i], of.writing);
        if (written)
            buffer_text(token, written);
        else
            buffer_append(token, text + shadow->start[i], shadow->start[i + 1] - shadow->start[i]);
    }
}

static void write_marks(struct buffer *token, const struct ptb_shadow *shadow, const char *text, size_t from,
                        size_t end) {
    for (size_t i = from; i < end; i++)
        write_mark(token, text + shadow->start[i], shadow->start[i + 1] - shadow->start[i]);
}

// n&apos;t is n't.
static void write_suffix(struct buffer *token, const struct ptb_shadow *shadow, const char *text, size_t from,
                         struct ptb_token of) {
    const char *word = text + shadow->start[from], *end = text + shadow->start[of.end];
    const char *quote = memmem(word, (size_t)(end - word), "&apos;", 6);
    if (!quote) {
        write_characters(token, shadow, text, from, of);
        return;
    }
    buffer_append(token, word, (size_t)(quote - word));
    buffer_text(token, "'");
    buffer_append(token, quote + 6, (size_t)(end - quote - 6));
}

static void write_token(struct buffer *token, const struct ptb_shadow *shadow, const char *text, size_t from,
                        struct ptb_token of) {
    buffer_clear(token);
    if (of.writing == PTB_NOTHING) return;
    const size_t start = shadow->start[from], size = shadow->start[of.end] - start;
    if (of.writing == PTB_LISTED)
        write_mark(token, text + start, size);
    else if (of.writing == PTB_MARKS)
        write_marks(token, shadow, text, from, of.end);
    else if (of.writing == PTB_SUFFIX)
        write_suffix(token, shadow, text, from, of);
    else
        write_characters(token, shadow, text, from, of);
}

static bool is_punctuation(const struct buffer *token) {
    for (int i = 0; i < PUNCTUATION; i++)
        if (equals(token->bytes, token->size, punctuation[i])) return true;
    return false;
}

static void append_token(struct buffer *out, const struct buffer *token, bool first) {
    if (!first) buffer_append(out, " ", 1);
    unicode_lower_joined(out, token->bytes, token->size);
}

void ptb_tokenize(struct buffer *out, const char *text, size_t size) {
    struct ptb_shadow shadow;
    struct buffer token = {0};
    const size_t before = out->size;
    ptb_shadow_begin(&shadow, text, size);
    for (size_t at = 0; at < shadow.bytes.size;) {
        const struct ptb_token of = ptb_token_at(shadow.bytes.bytes, shadow.bytes.size, at);
        write_token(&token, &shadow, text, at, of);
        if (!is_punctuation(&token)) append_token(out, &token, out->size == before);
        at = of.end;
    }
    buffer_release(&token);
    ptb_shadow_end(&shadow);
}
