// What a binding of a library between ranks is: the table that its shared object has under the name coca_transport.
// Private to the room and its objects.
#pragma once

#include "ranks/ranks.h"

struct transport {
    char name[64];
    // Starts the library. 0 or -exit_code, reported.
    int (*join)(int *rank, int *ranks, int *place);
    int (*begin)(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives);
    int (*progress)(bool *done);
    void (*leave)(bool well);
};
