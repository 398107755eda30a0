// What came of a shard's pictures, kept beside what is being written until all have come: whoever takes the shard after
// a death goes on behind the last microbatch that is whole here.
//
// The file: a line of text that names the shard's identity and the settings, then records of one microbatch each: their
// size, its XXH64, and the results of its pictures one behind the other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

struct results_form {
    int captions;        // of each picture
    bool scores;         // of each caption one
    int64_t image, text; // width of embeddings of pictures and of captions, 0: none
};

// Of one picture. Borrowed.
struct result {
    const char *defect;          // why it was not captioned, or NULL; then there is nothing else
    const char *const *captions; // [form.captions]
    const float *scores;         // [form.captions]
    const float *image, *texts;  // [form.image], [form.captions, form.text]
};

struct results;
// Takes over from `path` the whole records of who had the shard before, if `identity` (one line) is the same, and gives
// the file this one's name: who may still write there writes into a file without a name. `*pictures` is how many
// results there are. 0 or -EXIT_RUN.
int results_open(struct results **results, const char *path, const char *identity, const struct results_form *form,
                 int64_t *pictures);
void results_close(struct results **results);

void results_add(struct results *results, const struct result *result); // to the microbatch that is begun
int results_flush(struct results *results);                             // writes the microbatch. 0 or -EXIT_RUN

// Goes through them from the first. 1, 0 at the end, or -EXIT_RUN; `*result` is borrowed until the next call.
int results_rewind(struct results *results);
int results_next(struct results *results, struct result *result);
