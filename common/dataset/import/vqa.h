// Questions about pictures, for the formats that hold them.
#pragma once

#include <jansson.h>

#include "dataset/import/draft.h"

// Answers of a value: an array of texts or of objects with `answer`, or one text.
void vqa_answers(struct draft *draft, const json_t *answers);
// question_type and answer_type, of which an object may have either.
void vqa_kinds(struct draft *draft, const json_t *object);
