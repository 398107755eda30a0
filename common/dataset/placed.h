// The records of a dataset whose pictures lie in objects of others.
#pragma once

#include <stdbool.h>

#include "dataset/record.h"
#include "remote/objects.h"

struct placed;
// Of the dataset `directory`, of so many records. 0 or -exit_code, reported.
int placed_open(struct placed **placed, const char *directory, int64_t records, const struct remote_options *remote);
void placed_close(struct placed **placed);

// What the value `stored` of record `index` stands for: the record as it would have been packed, made in `memory`, or
// the value itself where it has no places. 0 or -exit_code, reported.
int placed_get(const struct placed *placed, int64_t index, struct span stored, struct buffer *memory,
               struct span *value);
// The same decoded: texts borrow from `stored`. Where only they are wanted, objects are read for those of unread samples
// alone. 0, then record_release, with `reason` where the record makes no sense and is empty; or -exit_code, reported.
int placed_record(const struct placed *placed, int64_t index, struct span stored, bool texts, struct record *record,
                  char reason[RECORD_REASON]);
// What goes into the fingerprint: as placed_get, but of a sample that nobody has read its place.
int placed_packed(const struct placed *placed, int64_t index, struct span stored, struct buffer *memory,
                  struct span *value);

int64_t placed_remote_bytes(const struct placed *placed, int part); // of its object; 0 of a file
int placed_parts(const struct placed *placed, const int64_t **first);
void placed_ahead(const struct placed *placed, const int *part, int count);
