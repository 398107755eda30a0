// The embeddings of one role, gathered in the order of their samples.
#pragma once

#include "base/memory.h"
#include "wire/message.h"

struct embeddings {
    int64_t count, capacity, E;
    float *row;           // [count,E]
    int64_t *id;          // [count]
    struct strings names; // [count], or none
};
void embeddings_release(struct embeddings *embeddings);

// Adds the rows of a message; the `take` of a stream whose context is a struct embeddings. 0 or -EXIT_RUN.
int embeddings_add(void *embeddings, const struct message *message);
