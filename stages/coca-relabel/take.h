// Captions as they come: the work of main.
#pragma once

#include "relabel.h"
#include "train/pull.h"

// Keeps one message's captions with the shard that they are of. 0 or -exit_code.
int take_captions(struct relabel *self, const struct message *message);
