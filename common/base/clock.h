#pragma once

#include <stdint.h>

double clock_seconds(void);      // monotonic
int64_t memory_peak_bytes(void); // peak resident set of this process (VmHWM)
