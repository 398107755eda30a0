// Regular expressions for the few places that cannot do without: cutting words as CLIP does, and finding spoiled text.
// They were written for Python; PCRE2 reads the same syntax, with Unicode's classes for text. Compiled code is shared
// by threads and read only; what a match writes is made for each call.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>

struct pattern {
    pcre2_code *code;
};

struct pattern *pattern_new(const char *expression, enum pattern_kind kind) {
    static const uint32_t flags[] = {[PATTERN_TEXT] = PCRE2_UTF | PCRE2_UCP,
                                     [PATTERN_TEXT_ANY_CASE] = PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS,
                                     [PATTERN_BYTES] = 0};
    struct pattern *pattern = xmalloc(sizeof *pattern);
    int problem;
    PCRE2_SIZE where;
    pattern->code = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, flags[kind], &problem, &where, NULL);
    if (!pattern->code) bug("PCRE2 refuses an expression at %zu with %d: %s", where, problem, expression);
    pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE); // where it cannot, the interpreter matches
    return pattern;
}

void pattern_free(struct pattern *pattern) {
    if (!pattern) return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

bool pattern_find(const struct pattern *pattern, const char *text, size_t size, size_t from, struct match *match) {
    pcre2_match_data *place = pcre2_match_data_create(1, NULL);
    if (!place) die(EXIT_RUN, "out of memory");
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)text, size, from, PCRE2_NO_UTF_CHECK, place, NULL);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(place);
    if (found >= 0) *match = (struct match){ends[0], ends[1]};
    pcre2_match_data_free(place);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) bug("PCRE2 fails with %d on a text of %zu bytes", found, size);
    return found >= 0;
}

// No pattern of ours matches an empty text, so each turn gets ahead.
void pattern_replace(const struct pattern *pattern, struct buffer *out, const char *text, size_t size,
                     pattern_replacement *replace, void *context) {
    size_t at = 0;
    for (struct match match; at < size && pattern_find(pattern, text, size, at, &match); at = match.end) {
        buffer_append(out, text + at, match.start - at);
        replace(context, out, text + match.start, match.end - match.start);
    }
    buffer_append(out, text + at, size - at);
}
