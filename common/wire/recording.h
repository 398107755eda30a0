// Recorded edges: the same messages in a file or pipe, payloads inline, steps never descending, closed by `end`.
//
// "cocarec1", then for each message: u32 header bytes, header, and for each tensor its bytes. Little endian.
#pragma once

#include <stdbool.h>

#include "wire/message.h"

struct recording;

// `path` "-" is stdin or stdout (refused for a terminal, -EXIT_USAGE). Reading a FIFO waits at the first message,
// writing one blocks here until a reader opens it.
int recording_open(struct recording **recording, const char *path);   // 0, -EXIT_DATA, -EXIT_USAGE
int recording_create(struct recording **recording, const char *path); // 0, -EXIT_RUN, -EXIT_USAGE

// Reads from a descriptor that the caller keeps; `name` stands for it in errors.
int recording_open_fd(struct recording **recording, int fd, const char *name);

// Called before each read or write that may block, to wait until `events` (POLLIN, POLLOUT) of `fd`. Nonzero ends the
// call under way with that value (a write goes on when it is positive). Without a callback the process just waits.
void recording_on_wait(struct recording *recording, int (*wait)(void *context, int fd, short events), void *context);
bool recording_readable(const struct recording *recording); // something, if only its end, can be read at once

// 0, -EXIT_RUN, or RECORDING_BROKEN when the reader of a pipe left.
enum { RECORDING_BROKEN = 1 };
int recording_write(struct recording *recording, const struct message *message);

// The next message; *message NULL at `end`. -EXIT_DATA with path and offset when cut, malformed or out of order.
int recording_read(struct recording *recording, struct message **message);

// Closes; after writing, writes `end` first. Frees in any case. 0, -EXIT_RUN or RECORDING_BROKEN.
int recording_close(struct recording **recording);
void recording_abandon(struct recording **recording); // the same without `end`: readers see a cut recording
const char *recording_path(const struct recording *recording);
