// What a worker reads of a run directory, for one that runs where there is none: the files' bytes as a message.
#pragma once

#include "wire/message.h"

// Of the current directory: run.json, model.json, vocabulary, labels, as far as they are there. A file that cannot be
// read is left out, reported.
struct message *run_files_pack(void);
// Writes them into `folder`. 0, -EXIT_RUN when one cannot be written, or the message has no run.json or is malformed.
int run_files_unpack(const struct message *message, const char *folder);
