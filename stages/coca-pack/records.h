// The records of a dataset, one after the other, for the commands that look inside.
#pragma once

#include "dataset/store.h"

typedef int record_visit(int64_t index, const struct record *record, void *context);
// Calls `each` for records first … first + count − 1 (as many as there are; count 0: all). 0, what `each` returned, or
// -EXIT_DATA, reported: a record that does not decode.
int records_each(struct store *store, int64_t first, int64_t count, record_visit *each, void *context);
// The same of texts: pictures that lie elsewhere are not fetched, and are not there.
int records_each_text(struct store *store, int64_t first, int64_t count, record_visit *each, void *context);

// The one dataset that a command's operands name. 0, -EXIT_USAGE or -EXIT_DATA.
int records_open(struct store **store, const struct strings *operands);
// The number that operand `place` is. 0 or -EXIT_USAGE.
int records_index(int64_t *index, const struct strings *operands, size_t place);
