// Records for people: what `coca-pack show` prints.
#pragma once

#include <jansson.h>

#include "dataset/record.h"

// A record as JSON: texts as they are, pictures as format, size and bytes, a video with its codec, frames and seconds.
// New reference.
json_t *describe_record(const struct record *record);
