// What went wrong, in words that the caller reports or tries again after: a thread that fetches ahead says nothing, and
// what heals by itself is none of the user's business. Private.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "remote/object.h"

struct failure {
    enum exit_code code;
    bool passing; // may be gone at the next attempt
    bool no_host; // of a name without an address
    bool disk_full;
    char text[1600];
};
int failure_set(struct failure *failure, enum exit_code code, const char *format, ...) PRINTF_LIKE(3, 4); // -code
int failure_report(const struct failure *failure); // error(); -code

// An object that is another one than is known. -EXIT_DATA
int failure_changed(struct failure *failure, const struct object *known, int64_t bytes, const char *tag);
int failure_stopped(struct failure *failure, const char *url); // by remote_options.stopped; -EXIT_RUN

bool remote_is_stopped(const struct remote_options *options);
// Waits; less where it is stopped.
void remote_pause(const struct remote_options *options, double seconds);
