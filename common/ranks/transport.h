// What a binding of a library between ranks is: the table that its shared object has under the name coca_transport.
// Private to the room and its objects. An object takes the failure words and the allocation from the executable.
#pragma once

#include "ranks/ranks.h"

#define TRANSPORT_ENTRY "coca_transport"

struct transport {
    size_t size; // of this table: the object was built for this executable when it is equal
    char name[64];
    size_t most; // bytes of one message: larger pieces go as several, alike at both ends
    // Starts the library. 0 or -exit_code, reported.
    int (*join)(int *rank, int *ranks, int *place);
    int (*begin)(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives);
    int (*progress)(bool *done);
    void (*leave)(bool well);
};

// The binding for the kind of MPI whose launcher started this process; it stays loaded. NULL, reported, when none did
// or the build lacks it. `stage` and `expected` stand in errors.
struct transport *transport_find(const char *stage, int expected);
