// The phases over a step, or over one unit, for the drivers. Private to the follower files.
#pragma once

#include "train/follower.h"

struct pass {
    struct follower *follower;
    struct step_order order;
    bool train;
    bool open_end;          // the data may end within the step
    struct strings *drops;  // collects what the pulled messages brought; may be NULL
    struct message **first; // NULL, or the pulled edge's message of the unit, taken already
};
// Every phase over the own microbatches, in ascending m. 0, -exit_code, or HUB_END when the pulled edge, or any
// recording, ended and the end is not open.
int pass_step(const struct pass *pass);
// The forward phases over one microbatch. 0, HUB_END or -exit_code.
int pass_unit(const struct pass *pass, int microbatch);

int follower_dump(struct follower *follower); // writes this stage's part of --dump. 0 or -EXIT_RUN
// -EXIT_DATA: the edge that ended did so at this step.
int follower_ended(const struct follower *follower, int64_t step);

int follower_conducted(struct follower *follower);
int follower_served(struct follower *follower);
int follower_alone(struct follower *follower);
