// Features and their gradients between two encoders of one host: slots of memory that both have open. A message names
// its slot.
//
// In training there is one slot for each microbatch of a step, and the step protocol says when it is free again:
// `scale` of a step comes after every stage's `norm`, which a stage sends when its passes over the step, and so its
// reading, are done; the step after begins behind `scale`. Served features have slots that the reader gives back one by
// one, through a word of host memory; while none is free, and for consumers that open no shared memory, messages carry
// the bytes.
#pragma once

#include "train/edges.h"
#include "train/part.h"

struct slots;

// What `count` tensors of so many bytes take on an edge, slots or messages, at its writer and its reader.
struct memory_bytes slots_bytes(const struct part *part, int64_t count, int64_t bytes);

// Of `count` tensors of `bytes` that the part writes on the channel in training, for the one stage at its other end.
// NULL where messages must carry them: no training under a conductor, --transport frames, peers with other backends. Of
// its ranks, those on other hosts are sent messages.
struct slots *slots_new(const struct part *part, const struct channel *channel, int count, size_t bytes);
// The same of a served edge (EDGE_SERVE), for a consumer of this role.
struct slots *slots_new_served(const struct part *part, const struct edge *edge, const char *consumer, int count,
                               size_t bytes);
void slots_free(struct slots **slots);

// Adds the tensor to the message and returns where to write it: in training slot `own`, the microbatch's place among
// the rank's own (struct work), when served a free one; host memory where `slots` is NULL, memory cannot be shared, the
// reader of that microbatch is on another host or does not open it, or no slot is free. Both are what ops->download
// takes.
void *slots_add(struct slots *slots, int own, struct message *message, const char *name, enum dtype dtype,
                struct shape shape);

// The reader's side. Each peer has memory of its own, opened when its first message comes; of more than SLOT_WRITERS
// the one that was longest not read from is closed again, as that of a peer that was started anew will be.
enum { SLOT_WRITERS = 16 };
struct slot_reader {
    struct ops *ops;
    struct slot_writer *writer[SLOT_WRITERS]; // [writers], the latest first
    int writers;
    uint32_t *taken; // the word of what was read last, until it is given back
};
// Where the tensor of the message lies, for ops->upload. 0, -EXIT_RUN (a message of another kind), -EXIT_USAGE (memory
// that cannot be opened, with the remedy).
int slot_read(struct slot_reader *reader, const struct message *message, const char *name, enum dtype dtype,
              struct shape shape, const void **rows);
// Waits until the operations so far are done, and gives the slot back that was read last, if there is one.
void slot_give_back(struct slot_reader *reader);
void slot_reader_close(struct slot_reader *reader);
