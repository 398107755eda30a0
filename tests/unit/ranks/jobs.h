// What a rank does that a launcher starts, by the name of it: shared by the programs of this folder, which a launcher
// starts again.
#pragma once

#include "../base/support.h"
#include "ranks/ranks.h"

static const struct ranks_meanwhile nothing = {NULL, NULL};

#define CHECK(condition)                                                                                               \
    do                                                                                                                 \
        if (!(condition)) {                                                                                            \
            error(EXIT_RUN, "%s:%d: not so: %s", __FILE__, __LINE__, #condition);                                      \
            ranks_close(&ranks, false);                                                                                \
            _exit(EXIT_RUN);                                                                                           \
        }                                                                                                              \
    while (0)

struct job {
    const char *name;
    int ranks;
    int (*work)(struct ranks *ranks); // 0 or the exit code; closes the ranks
};

static inline int be_rank(const struct job *jobs, const char *name) {
    struct ranks *ranks;
    while (jobs->name && strcmp(jobs->name, name) != 0) jobs++;
    if (!jobs->name) return EXIT_USAGE;
    const int status = ranks_open(&ranks, "coca-test", jobs->ranks);
    return status ? -status : jobs->work(ranks);
}
