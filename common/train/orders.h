// What loss says to both followers, and what it hears from them. Private to the conductor files.
#pragma once

#include "train/conductor.h"

extern const char *const follower_roles[2]; // image, text: the order of every sum over them

int orders_begin(const struct conductor *conductor, const struct step_order *order);

// The first signal that a follower passed on, or 0; nothing is waited for. -exit_code on a damaged message.
int orders_stop_asked(const struct conductor *conductor, int *signal);
