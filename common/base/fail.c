// The one place where this program talks to people. Everything reports through the five words, so that a line looks the
// same whichever process it comes from, and supervision and tests can read it. Nothing here allocates: the words must
// work when memory is what ran out, so a text is cut where the line ends.
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

// The one global of the room: the name belongs to the process, and every caller would have to be given it otherwise.
static const char *program = "cocaflow";

void fail_name(const char *name) {
    program = name;
}

// One write per line, so that lines of several processes on one stderr do not mix. What a name in a foreign file may
// hold neither breaks the line nor acts on the terminal.
static void say(const char *word, const char *format, va_list list) {
    char line[2048];
    int head = snprintf(line, sizeof line, "%.100s: %.300s: ", program, word);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, list);
    size_t size = (size_t)head + (size_t)(body < 0 ? 0 : body);
    if (size > sizeof line - 2) size = sizeof line - 2;
    size = text_clean_here(line, size);
    line[size] = '\n';
    fwrite(line, 1, size + 1, stderr);
}

#define SAY(word)                                                                                                      \
    va_list list;                                                                                                      \
    va_start(list, format);                                                                                            \
    say(word, format, list);                                                                                           \
    va_end(list)

void note(const char *format, ...) {
    SAY("note");
}

void warn(const char *format, ...) {
    SAY("warning");
}

int error(enum exit_code code, const char *format, ...) {
    SAY("error");
    return -(int)code;
}

void die(enum exit_code code, const char *format, ...) {
    SAY("error");
    exit(code);
}

// Aborts, where die exits: the core and the sanitizers' report are of the place where the inconsistency was found.
void bug_at(const char *file, int line, const char *format, ...) {
    char place[256];
    snprintf(place, sizeof place, "bug: %s:%d", file, line);
    SAY(place);
    abort();
}
