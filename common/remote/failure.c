// Words of failures, and waits that a request to stop ends.
#include "remote/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

int failure_set(struct failure *failure, enum exit_code code, const char *format, ...) {
    va_list list;
    failure->code = code;
    failure->passing = failure->no_host = failure->disk_full = false;
    va_start(list, format);
    vsnprintf(failure->text, sizeof failure->text, format, list);
    va_end(list);
    return -(int)code;
}

int failure_report(const struct failure *failure) {
    return error(failure->code, "%s", failure->text);
}

static void say_what(char text[256], int64_t bytes, const char *tag) {
    const int size =
        bytes < 0 ? snprintf(text, 256, "unknown length") : snprintf(text, 256, "%lld bytes", (long long)bytes);
    if (tag) snprintf(text + size, 256 - (size_t)size, ", tag %.180s", tag);
}

int failure_changed(struct failure *failure, const struct object *known, int64_t bytes, const char *tag) {
    char was[256], is[256];
    say_what(was, known->bytes, known->tag);
    say_what(is, bytes, tag);
    return failure_set(failure, EXIT_DATA, "%s: has changed: it was of %s, and is of %s; restore it, or index again",
                       known->url, was, is);
}

int failure_stopped(struct failure *failure, const char *url) {
    return failure_set(failure, EXIT_RUN, "%s: not read to its end: asked to stop", url);
}

bool remote_is_stopped(const struct remote_options *options) {
    return options->stopped && options->stopped();
}

void remote_pause(const struct remote_options *options, double seconds) {
    const double end = clock_seconds() + seconds;
    for (double left = seconds; left > 0 && !remote_is_stopped(options); left = end - clock_seconds()) {
        const double part = left < 0.05 ? left : 0.05;
        nanosleep(&(struct timespec){.tv_nsec = (long)(part * 1e9)}, NULL);
    }
}
