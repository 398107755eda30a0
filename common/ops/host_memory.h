// The operations that backends whose memory is the host's have in common. `ops` is any of theirs; those of shared
// memory take any other backend's too, since the words of served slots lie on the host beside each of them.
//
// Memory that two processes have open is a file without a name, gone when both have left, however they leave. Graphs
// keep nothing, since calls cost nothing here.
#pragma once

#include "ops/ops.h"

#define OP(name, parameters, arguments)
#define DEVICE_OP(name, parameters, arguments) void host_##name parameters;
#include "ops/ops.def"
#undef OP
