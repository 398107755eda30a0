// A gate before a socket for strangers. libzmq accepts every connection until descriptors run out, which ends the
// process, and keeps buffers for each; the gate takes connections itself, as many as there is room for, and passes the
// bytes of those that speak on to an ipc socket inside. Private.
//
// A connection that never spoke gives way to a new one, and goes after 30 s; one that took nothing of what it was sent
// for 30 s goes; one without any traffic for a minute gives way when places are scarce. Beyond that newcomers wait in
// the system's queue.
#pragma once

#include "wire/endpoint.h"

struct gate;

// Listens at `endpoint` in a thread of its own; `inside` is the path of the ipc socket, which is bound. `option` names
// the address in errors. 0, -EXIT_USAGE (the address), or -EXIT_RUN (descriptors).
int gate_open(struct gate **gate, const struct endpoint *endpoint, const char *option, const char *inside);
// No more connections; those there are end with the socket inside, or after two seconds.
void gate_close(struct gate **gate);
