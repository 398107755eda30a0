// The bytes behind a message's tensors: ZeroMQ frames, so that sending hands them over without a copy. Private.
#pragma once

#include <zmq.h>

#include "wire/message.h"

struct message_storage {
    zmq_msg_t frame[WIRE_TENSORS]; // the first `count` are initialised, one for each tensor in order
    int count;
};

// Gives tensor number storage->count its bytes. Each takes ownership and sets the tensor's data.
void storage_own(struct message *message, void *aligned, size_t bytes); // memory of xaligned
void storage_own_frame(struct message *message, zmq_msg_t *frame);      // moved, or copied where it is misaligned
