// Texts of others as JSON.
#pragma once

#include <jansson.h>

#include "dataset/record.h"

// JSON of a text that may not be UTF-8: what is not becomes U+FFFD. New references.
json_t *text_json(struct span text);
// Adds every text that a record has, but its id, under the names of the fields.
void record_texts_json(json_t *json, const struct record *record);

// JSON of a name, as ids are written: what is not UTF-8 is escaped (base/text.h), so that the file can be found.
json_t *name_json(struct span name);
