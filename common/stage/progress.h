// Progress of long work on stderr: a bar with rate and time left on a terminal, a line every few seconds in a log.
#pragma once

#include <stdint.h>

#include "base/memory.h"

struct progress;
// `total` 0 when unknown; `unit` names what is counted ("samples").
struct progress *progress_new(const char *what, int64_t total, const char *unit);
void progress_set(struct progress *progress, int64_t done, const char *detail); // detail may be NULL: "loss 3.21"
void progress_done(struct progress **progress);                                 // final line, frees

// For who draws a line of its own: "1:02:03" or "2:03", and the columns that stderr has.
void progress_add_duration(struct buffer *line, double seconds);
int progress_width(void);
