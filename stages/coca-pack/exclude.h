// A list of samples that are to be left out, as `coca-pack dedup` writes it: the first column of each line, up to a
// tab, is an id, or #NUMBER of a sample of the input, from 0.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct exclude;
// "-" is stdin. 0 or -EXIT_DATA, reported; exclude_free in any case.
int exclude_read(struct exclude **exclude, const char *path);
bool exclude_has(struct exclude *exclude, struct span id, int64_t number); // of NULL nothing
// Says how many were left out, and how many names of the list no sample had. Of NULL nothing.
void exclude_report(const struct exclude *exclude);
void exclude_free(struct exclude **exclude);
