// Fields of JSON objects that describe a picture.
#pragma once

#include <jansson.h>

#include "dataset/import/draft.h"

// The first field of `keys` that the object has and that is not null, nor NaN (base/json.h); borrowed, or NULL.
const json_t *fields_first(const json_t *object, const struct strings *keys);

// An id as text, which the caller frees: a text as it is, a number as its digits, a whole one without a point. NULL of
// anything else.
char *fields_id(const json_t *value);

// Adds every text of a value, a text itself or an array of them; anything else is a defect, null and NaN are nothing.
void fields_add(const json_t *value, const char *key, struct draft *draft,
                void (*add)(struct draft *draft, const void *text, size_t size));
// The same of each field that `keys` name.
void fields_texts(const json_t *object, const struct strings *keys, struct draft *draft,
                  void (*add)(struct draft *draft, const void *text, size_t size));
// The class, a whole number or a text that is one.
void fields_class(const json_t *object, const struct strings *keys, struct draft *draft);
