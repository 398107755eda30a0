// Host memory that two processes of one host have open, for the backends whose memory is the host's. It is a file
// without a name, gone when both have left, however they leave.
#pragma once

#include "ops/ops.h"

void host_share(struct shared_memory *memory, size_t bytes);
void host_open_shared(struct shared_memory *memory);
void host_close_shared(struct shared_memory *memory);
