// How often and after which pauses something is tried again. Private.
#pragma once

#include "remote/failure.h"

struct attempts {
    int64_t failed; // since the last progress
    double since;   // the first of them
};
// Of the pause before attempt 2, 3, … (`failed` 1, 2, …): 0.2 s doubled up to 10 s, of which chance in [0, 1) takes up
// to half.
double attempts_pause(int64_t failed, double chance);

// Waits before another attempt after this failure and returns 0; or its code, where it is none that passes or there
// were enough of them, which the failure then says, or where it was stopped.
int attempts_again(struct attempts *attempts, const struct remote_options *options, const char *url,
                   struct failure *failure);
void attempts_moved(struct attempts *attempts); // there was progress
