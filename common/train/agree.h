// Whether all ranks of a stage got somewhere, before any of them goes on.
#pragma once

#include "ranks/ranks.h"

// Every rank calls it with how it fared, 0 or -exit_code. 0 when all did well; else this rank's own failure, or
// -EXIT_PEER naming the first rank that failed, or as ranks_wait. Of a single rank (NULL) what it said.
int agree(struct ranks *ranks, int status, struct ranks_meanwhile meanwhile);
