// The header's bytes. Decoding checks everything before use: size, depth, counts against the bytes left, duplicate
// keys, types, ranges, each tensor's length against its shape; msgpack-c sees the bytes only after that walk.
#pragma once

#include "base/memory.h"
#include "wire/message.h"

void message_encode_header(const struct message *message, struct buffer *bytes); // appends

// Fills `message`, a new one: tensors without data yet, `bytes[i]` the lengths of their frames: what their shapes make,
// or a struct shared_place. 0, or -EXIT_RUN with `reason`, nothing printed.
#define WIRE_REASON 160
int message_decode_header(struct message *message, int64_t bytes[WIRE_TENSORS], const void *header, size_t size,
                          char reason[WIRE_REASON]);
