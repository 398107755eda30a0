// drops.jsonl: samples that were replaced because they did not decode or held no text, each record once.
//
// A producer says so in a strings tensor `drops` of its data message, one JSON object each with "id" (source << 48 |
// record), "edge" and "reason".
#pragma once

#include "wire/message.h"

struct drops;
// Reads what was written before. 0 or -EXIT_DATA.
int drops_open(struct drops **drops, const char *path);
void drops_close(struct drops **drops);

// Adds those of one message. 0 or -EXIT_RUN.
int drops_add(struct drops *drops, const struct message *message, int64_t step);
// -EXIT_RUN when more than `limit` of the `samples` seen by this process were dropped.
int drops_check(const struct drops *drops, int64_t samples, double limit);
