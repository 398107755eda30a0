#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
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
    pattern->match = pcre2_match_data_create(1, NULL);
    if (!pattern->match) die(EXIT_RUN, "out of memory");
    return pattern;
}

void pattern_free(struct pattern *pattern) {
    if (!pattern) return;
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
    free(pattern);
}

bool pattern_find(const struct pattern *pattern, const char *text, size_t size, size_t from, struct match *match) {
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)text, size, from, PCRE2_NO_UTF_CHECK, pattern->match, NULL);
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) bug("PCRE2 fails with %d on a text of %zu bytes", found, size);
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(pattern->match);
    *match = (struct match){place[0], place[1]};
    return true;
}

void pattern_replace(const struct pattern *pattern, struct buffer *out, const char *text, size_t size,
                     pattern_replacement *replace, void *context) {
    size_t at = 0;
    for (struct match match; at < size && pattern_find(pattern, text, size, at, &match); at = match.end) {
        buffer_append(out, text + at, match.start - at);
        replace(context, out, text + match.start, match.end - match.start);
    }
    buffer_append(out, text + at, size - at);
}
