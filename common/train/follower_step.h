// The phases of a step, for the drivers. Private to the follower files.
#pragma once

#include "train/follower.h"
#include "train/prefetch.h"

struct follower_step {
    struct follower *follower;
    struct prefetch *prefetch; // NULL: the pulled edge was asked already, or is a recording
    struct step_order order;
    bool train;
    bool open_end;             // the data may end within the step
    struct strings *drops;     // collects what the data messages brought; may be NULL
    const struct unit *behind; // NULL, or what follows the unit on the pulled edge, which was asked
    struct message **first;    // NULL, or the pulled edge's message of the unit, taken already
};
// Every phase over the own microbatches, in ascending m. 0, -exit_code, or HUB_END when the pulled edge, or any
// recording, ended and the end is not open.
int follower_phases(const struct follower_step *step);
// The forward phases over one microbatch. 0, HUB_END or -exit_code.
int follower_unit(const struct follower_step *step, int microbatch);

int follower_dump(struct follower *follower); // writes this stage's part of --dump. 0 or -EXIT_RUN
// -EXIT_DATA: the pulled edge ended at this step.
int follower_ended(const struct follower *follower, int64_t step);

int follower_conducted(struct follower *follower);
int follower_served(struct follower *follower);
int follower_alone(struct follower *follower);
