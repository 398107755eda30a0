// What loss says to all followers, and what it hears from each of them. Private to the conductor files.
#pragma once

#include "train/conductor.h"

// Every follower of the topology in order, each rank. 0 or -exit_code.
int orders_begin(const struct conductor *conductor, const struct step_order *order);
int orders_scale(const struct conductor *conductor, const struct scale_order *scale, int64_t step);
// What one follower says about the step; the caller frees *message. A word other than `report` comes once a step.
int orders_hear(const struct conductor *conductor, struct address from, const char *word, int64_t step, int microbatch,
                struct message **message);

// -EXIT_PEER: `from` ended properly although the step goes on.
int orders_ended(struct address from, int64_t step);

// The first signal that a follower passed on, or 0; nothing is waited for. -exit_code on a damaged message.
int orders_stop_asked(const struct conductor *conductor, int *signal);
