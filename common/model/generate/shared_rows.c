// What the model finds behind equal tokens is equal, so captions of a picture are one row of its step for as long as
// they have the same tokens: the prompt, and what several draws begin with. sampling.c draws for each caption from its
// row's logits, and asks here for the next step's rows. Captions of one row that drew different tokens part: those with
// the first one's token stay in the slot, the others get slots of their own, into which the model copies what it
// remembers of the tokens before.
//
// A new slot has the number of the first caption in it. As captions that stay are those of the first one that goes on,
// the first caption of a slot stays there until it ends; so a slot is taken once, by its own caption, and was never
// written before.
#include "model/generate/shared_rows.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

void shared_rows_init(struct shared_rows *rows, int batch, int each) {
    const size_t most = (size_t)(batch * each);
    *rows = (struct shared_rows){.each = each};
    rows->row = xcalloc(most, sizeof *rows->row);
    rows->sharer = xcalloc(most, sizeof *rows->sharer);
}

void shared_rows_release(struct shared_rows *rows) {
    free(rows->row);
    free(rows->sharer);
}

void shared_rows_begin(struct shared_rows *rows, int B) {
    rows->captions = B * rows->each;
    for (int32_t i = 0; i < rows->captions; i++) {
        const int32_t picture = i / rows->each;
        rows->sharer[i] = (struct sharer){i, picture * rows->each, picture};
    }
}

// The tokens that one step brings.
struct newest {
    const int32_t *tokens;
    int stride, place;
};

static int32_t token_of(const struct newest *newest, const struct sharer *sharer) {
    return newest->tokens[(ptrdiff_t)sharer->caption * newest->stride + newest->place];
}

static int picture_of(const struct shared_rows *rows, int i) {
    return rows->sharer[i].caption / rows->each;
}

// Rows tell which captions were together so far, slots which are now. Captions before this one have their slots.
static void take_slot(struct shared_rows *rows, int i, const struct caption_model *model, const struct newest *newest) {
    struct sharer *sharer = &rows->sharer[i];
    bool parts = false;
    for (int j = i - 1; j >= 0 && picture_of(rows, j) == picture_of(rows, i); j--) {
        const struct sharer *other = &rows->sharer[j];
        if (other->row != sharer->row) continue;
        if (token_of(newest, other) == token_of(newest, sharer)) {
            sharer->slot = other->slot;
            return;
        }
        parts = true;
    }
    if (!parts) return;
    model->fork(model->context, sharer->caption, sharer->slot, newest->place);
    sharer->slot = sharer->caption;
}

static void take_row(struct shared_rows *rows, int i, const struct newest *newest) {
    struct sharer *sharer = &rows->sharer[i];
    const struct caption_row row = {picture_of(rows, i), sharer->slot, token_of(newest, sharer)};
    for (int32_t r = rows->count - 1; r >= 0 && rows->row[r].picture == row.picture; r--)
        if (rows->row[r].slot == row.slot) {
            sharer->row = r;
            return;
        }
    sharer->row = rows->count;
    rows->row[rows->count++] = row;
}

void shared_rows_list(struct shared_rows *rows, const struct caption_model *model, const int32_t *tokens, int stride,
                      int place) {
    const struct newest newest = {tokens, stride, place};
    for (int i = 0; i < rows->captions; i++) take_slot(rows, i, model, &newest);
    rows->count = 0;
    for (int i = 0; i < rows->captions; i++) take_row(rows, i, &newest);
}
