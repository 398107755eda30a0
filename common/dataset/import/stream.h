// Bytes of a file or of stdin ("-"), decompressed by what they are (gzip, zstd, xz, …).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct stream;
int stream_open(struct stream **stream, const char *path); // 0 or -EXIT_DATA, reported
void stream_close(struct stream **stream);

// Passes over the byte order mark that a text may begin with; before the first byte is taken.
void stream_skip_mark(struct stream *stream);

#define STREAM_END (-1)
// The next byte, or STREAM_END. A failure ends the stream too: stream_status tells.
int stream_byte(struct stream *stream);
// What lies ready behind the last byte taken, at least one unless it is the end; valid until the next call.
size_t stream_look(struct stream *stream, const char **bytes);
size_t stream_read(struct stream *stream, void *bytes, size_t size); // fewer than `size` at the end only
// Replaces `line` by the next line without its "\n" or "\r\n". False at the end, and when the line is over `limit`.
bool stream_line(struct stream *stream, struct buffer *line, size_t limit);
int stream_status(const struct stream *stream); // 0, or -EXIT_DATA when reading failed, reported
