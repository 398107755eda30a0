// A gate before a socket for strangers. libzmq accepts every connection until descriptors run out, which ends the
// process, and keeps buffers for each; the gate takes connections itself, as many as there is room for, and passes the
// bytes of those that speak on to an ipc socket inside. Private.
//
// When places are scarce, a newcomer takes that of a connection that never spoke, else of one that waits for nothing,
// else of one that has waited for a minute without any traffic; else it waits itself, in the system's queue. Besides,
// who says nothing for 30 s goes, and who takes nothing of what it is sent for 10 s.
#pragma once

#include "wire/endpoint.h"

struct gate;

// Listens at `endpoint` in a thread of its own; `inside` is the path of the ipc socket, which is bound. `option` names
// the address in errors. 0, -EXIT_USAGE (the address), or -EXIT_RUN (descriptors).
int gate_open(struct gate **gate, const struct endpoint *endpoint, const char *option, const char *inside);
// No more connections; those there are end with the socket inside, or after two seconds.
void gate_close(struct gate **gate);
