// Recorded edges: the same messages in a file or pipe, payloads inline, ascending (step, microbatch), closed by `end`.
//
// "cocarec1", then for each message: u32 header bytes, header, and for each tensor its bytes. Little endian.
#pragma once

#include <stdio.h>

#include "wire/message.h"

struct recording;

// `path` "-" is stdin or stdout (refused for a terminal, -EXIT_USAGE). A FIFO blocks until its other end opens.
int recording_open(struct recording **recording, const char *path);              // 0, -EXIT_DATA
int recording_create(struct recording **recording, const char *path);            // 0, -EXIT_RUN, -EXIT_USAGE
int recording_write(struct recording *recording, const struct message *message); // 0, -EXIT_RUN; broken pipe: 1

// The next message; *message NULL at `end`. -EXIT_DATA with path and offset when cut, malformed or out of order.
int recording_read(struct recording *recording, struct message **message);

// Closes; after writing, writes `end` first. Frees in any case.
int recording_close(struct recording **recording);
const char *recording_path(const struct recording *recording);
