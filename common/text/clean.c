// Captions from the web, made into what open_clip's tokenizer sees. It is a chain of texts: repair of encodings,
// characters, HTML's references, blanks, case; each step is a file of this room and appends to a buffer.
// vocabulary_clip.c calls cleaner_clean for every caption, so most, which are plain ASCII, take a short way. The order
// is ftfy's and open_clip's: a step moved is another token for some caption.
#include "text/clean.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/html.h"
#include "text/mojibake.h"
#include "text/pattern.h"
#include "text/unicode.h"

struct cleaner {
    struct mojibake *mojibake;
    struct pattern *escape; // of a terminal
};

struct cleaner *cleaner_new(void) {
    struct cleaner *cleaner = xmalloc(sizeof *cleaner);
    *cleaner = (struct cleaner){mojibake_new(), pattern_new("\\x1b\\[[\\p{Nd};]*+[a-zA-Z]", PATTERN_TEXT)};
    return cleaner;
}

void cleaner_free(struct cleaner *cleaner) {
    if (!cleaner) return;
    mojibake_free(cleaner->mojibake);
    pattern_free(cleaner->escape);
    free(cleaner);
}

// Steps change a text from one buffer into the other.
struct draft {
    struct buffer text, next;
};
typedef void step(struct buffer *out, const char *text, size_t size);

static void turn(struct draft *draft) {
    const struct buffer kept = draft->text;
    draft->text = draft->next;
    draft->next = kept;
    buffer_clear(&draft->next);
}

// A text that is empty stays so, and steps need not know.
static void apply(struct draft *draft, step *change) {
    if (!draft->text.size) return;
    change(&draft->next, draft->text.bytes, draft->text.size);
    turn(draft);
}

static void leave_out(void *context, struct buffer *out, const char *match, size_t size) {
    (void)context, (void)out, (void)match, (void)size;
}

// ftfy's order. References first, as they may hide spoiled characters; composing last, when all characters are there.
static void fix_once(const struct cleaner *cleaner, struct draft *draft, bool unescapes) {
    if (unescapes) apply(draft, html_unescape_sure);
    mojibake_fix(cleaner->mojibake, &draft->text);
    apply(draft, characters_plain);
    if (!draft->text.size) return;
    pattern_replace(cleaner->escape, &draft->next, draft->text.bytes, draft->text.size, leave_out, NULL);
    turn(draft);
    apply(draft, characters_without_controls);
    apply(draft, unicode_compose);
}

// Again until nothing changes: a repair may bring in a character that another step replaces, and spoiled text is often
// spoiled twice. The bound is for texts made to change for ever.
static void fix_segment(const struct cleaner *cleaner, struct buffer *out, const char *text, size_t size,
                        bool unescapes) {
    enum { ROUNDS = 100 };
    struct draft draft = {0};
    struct buffer before = {0};
    buffer_append(&draft.text, text, size);
    for (int round = 0; round < ROUNDS; round++) {
        buffer_clear(&before);
        buffer_append(&before, draft.text.bytes, draft.text.size);
        fix_once(cleaner, &draft, unescapes);
        if (before.size == draft.text.size && (!before.size || !memcmp(before.bytes, draft.text.bytes, before.size)))
            break;
    }
    buffer_append(out, draft.text.bytes, draft.text.size);
    buffer_release(&draft.text);
    buffer_release(&draft.next);
    buffer_release(&before);
}

// Line by line, as ftfy: a line is likely of one source, and one that is spoiled does not keep others from being put
// right. From the first line with a '<' on, the text is HTML and keeps its character references.
static void fix_lines(const struct cleaner *cleaner, struct buffer *out, const char *text, size_t size) {
    bool unescapes = true;
    for (size_t at = 0, length; at < size; at += length) {
        const char *end = memchr(text + at, '\n', size - at);
        length = end ? (size_t)(end - text) + 1 - at : size - at;
        unescapes = unescapes && !memchr(text + at, '<', length);
        fix_segment(cleaner, out, text + at, length, unescapes);
    }
}

// Most captions: ASCII without references and controls, in which no step would find anything. The line breaks of \r are
// left to the steps.
static bool is_plain(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x7F || c == '&' || (c < ' ' && (!c || !strchr("\t\n\f", c)))) return false;
    }
    return true;
}

void cleaner_fix(const struct cleaner *cleaner, struct buffer *out, const char *text, size_t size) {
    if (is_plain(text, size))
        buffer_append(out, text, size);
    else
        fix_lines(cleaner, out, text, size);
}

// References are resolved twice, since pages that quote pages escape the & of the first time.
void cleaner_clean(const struct cleaner *cleaner, struct buffer *out, const char *text, size_t size) {
    struct draft draft = {0};
    utf8_repair(&draft.next, text, size);
    turn(&draft);
    cleaner_fix(cleaner, &draft.next, draft.text.bytes, draft.text.size);
    turn(&draft);
    apply(&draft, html_unescape);
    apply(&draft, html_unescape);
    apply(&draft, unicode_single_blanks);
    if (draft.text.size) unicode_lower(out, draft.text.bytes, draft.text.size);
    buffer_release(&draft.text);
    buffer_release(&draft.next);
}
