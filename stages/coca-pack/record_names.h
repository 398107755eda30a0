// Names of a dataset's records that tell each from every other, as --exclude takes them: the id, or #NUMBER where there
// is none, where another record has it too, or where it is none for a line.
#pragma once

#include "dataset/store.h"

struct record_names;
// Reads all ids. 0 or -exit_code; record_names_free in any case.
int record_names_read(struct record_names **names, struct store *store);
void record_names_free(struct record_names **names);

// Appends the name of a record, whose id this is; of names NULL one that others may have, for people.
void record_name(const struct record_names *names, struct span id, int64_t number, struct buffer *text);
