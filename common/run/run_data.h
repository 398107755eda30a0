// The datasets that a run was made with.
#pragma once

#include <stdint.h>

// Their fingerprints in the order of --train-data, from run.json; *count is 0 outside a run. 0 or -EXIT_DATA.
int run_data_fingerprints(uint64_t *fingerprint, int capacity, int *count);
