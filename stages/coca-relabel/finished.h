// The samples of a shard that is done, each with the place of its picture: in the shard itself if that is a tar, else
// where the input has it, which is gone through beside it.
#pragma once

#include "source.h"

struct finished_sample { // borrowed until the next one
    const struct sample *written;
    const struct sample *picture; // whose path, offset and length; NULL: nothing is known of the input
};

struct finished;
// `from`: what the shard was made of, or NULL; `scratch`: a folder for copies of what is packed. 0 or -exit_code.
int finished_open(struct finished **finished, const char *to, const char *name, const char *from, const char *scratch);
void finished_close(struct finished **finished);
int finished_next(struct finished *finished, struct finished_sample *sample); // 1, 0 at the end, or -exit_code
