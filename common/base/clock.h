// Seconds for intervals (not the time of day), and the memory that this process has had: what progress, profiles and
// counters print.
#pragma once

#include <stdint.h>

double clock_seconds(void); // monotonic

// The most memory that this process has had of its own so far: the peak of its resident set without pages of mapped
// files. Those (code, shared libraries, datasets) are the page cache's, shared by all who map them and given back when
// memory is short. Files are subtracted as they are mapped now: call it before they are unmapped.
int64_t memory_peak_bytes(void);
