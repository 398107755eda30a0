// What makes the logits of captions, as sampling and beam search see it: they know nothing of the model behind it.
#pragma once

#include <stdint.h>

// A caption that goes on, or several of a picture that are equal so far: the picture, the slot that keeps what the
// model remembers of their tokens, and the newest one.
struct caption_row {
    int32_t picture, slot, token;
};

// Enough to go past what may not be chosen: padding, BOS and EOS.
#define LIKELIEST 4

struct caption_model {
    void *context;
    // Goes on with `count` rows, those of one picture side by side, whose newest tokens stand at `place`.
    void (*step)(void *context, int count, const struct caption_row *row, int place);
    // f32 [V] of row i of the last step, in `room`, f32 [V], or where they are until the next step. Once one was asked
    // for, threads may ask for others at the same time.
    const float *(*logits)(void *context, int i, float *room);
    // Slot `to` gets the tokens first … first + count of slot `from`.
    void (*copy)(void *context, int to, int from, int first, int count);
    // The tokens of row i's LIKELIEST largest logits, the largest first; NULL where the model only has all logits.
    const int32_t *(*likeliest)(void *context, int i);
    // Slot `to`, to which no token came yet, gets the first `count` tokens of slot `from`.
    void (*fork)(void *context, int to, int from, int count);
};
