// Parts of the model that a run does not train, as recognition needs no text: the exported model has them as the
// weights had them that the run began from, so that it can still do what those could.
#pragma once

#include "train/part.h"
#include "train/topology.h"

// Writes a file of tensors for each such part into the folder and adds its path; without --pretrained there are none.
// 0 or -exit_code; idle_remove in any case.
int idle_write(const struct part *part, const struct topology *topology, const char *folder, struct strings *paths);
void idle_remove(struct strings *paths);
int64_t idle_bytes(const struct part *part, const struct topology *topology); // of memory meanwhile
