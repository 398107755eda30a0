// Captions that grow side by side, those of a picture with equal tokens in one row of the model's step.
#pragma once

#include "model/generate/caption_model.h"

// A caption that goes on.
struct sharer {
    int32_t caption; // its number: its picture's times `each`, and those behind it
    int32_t slot;    // where the model remembers its tokens
    int32_t row;     // of the last step
};

struct shared_rows {
    int each;                // captions of a picture
    int count;               // rows
    int captions;            // that go on
    struct caption_row *row; // [batch·each], those of a picture side by side, by the first caption of each
    struct sharer *sharer;   // [batch·each], ascending by caption; whoever drops one moves the others up
};

void shared_rows_init(struct shared_rows *rows, int batch, int each);
void shared_rows_release(struct shared_rows *rows);

// All captions of B pictures, without tokens.
void shared_rows_begin(struct shared_rows *rows, int B);
// The rows of the step that brings the tokens at `place`: tokens [captions,stride] by caption's number. Where they
// differ, the model copies what it remembers of those before them.
void shared_rows_list(struct shared_rows *rows, const struct caption_model *model, const int32_t *tokens, int stride,
                      int place);
