// The five failure words and the exit codes, the same in every executable.
//
// Libraries report with `note`, `warn` and `error` and return; only main and the stage skeleton exit.
// Every word prints one line to stderr: "PROGRAM: word: text". A text says what, where, and what to do.
#pragma once

enum exit_code {
    EXIT_RUN = 1,   // run-time failure: disk full, unwritable, not finite
    EXIT_USAGE = 2, // option, lock, port in use, existing run, wrong model for a checkpoint
    EXIT_DATA = 3,  // unreadable or cut dataset, recording, checkpoint, picture
    EXIT_PEER = 4,  // peer or host lost
};

// Names the program in every line that follows; `name` must outlive the process. Default "cocaflow".
void fail_name(const char *name);

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

void note(const char *format, ...) PRINTF_LIKE(1, 2);
void warn(const char *format, ...) PRINTF_LIKE(1, 2);

// Reports and returns -code, so that `return error(EXIT_DATA, ...)` hands the exit code upwards.
int error(enum exit_code code, const char *format, ...) PRINTF_LIKE(2, 3);

// Reports and exits with `code`. For main and the stage skeleton only.
_Noreturn void die(enum exit_code code, const char *format, ...) PRINTF_LIKE(2, 3);

// Reports an internal inconsistency with its place and aborts.
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void bug_at(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
