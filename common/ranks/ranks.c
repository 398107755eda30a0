// The ranks of a stage, over whatever moves bytes between them: a transport, which ranks_open chooses.
#include "ranks/ranks.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

struct ranks {
    int rank, count, place;
};

int ranks_open(struct ranks **ranks, const char *stage, int expected) {
    *ranks = NULL;
    if (expected != 1) return error(EXIT_USAGE, "%s: %d ranks are asked for, and this build has one", stage, expected);
    *ranks = xcalloc(1, sizeof **ranks);
    (*ranks)->count = 1;
    return 0;
}

void ranks_close(struct ranks **ranks, bool well) {
    (void)well;
    free(*ranks);
    *ranks = NULL;
}

int ranks_rank(const struct ranks *ranks) {
    return ranks->rank;
}

int ranks_count(const struct ranks *ranks) {
    return ranks->count;
}

int ranks_place(const struct ranks *ranks) {
    return ranks->place;
}

int ranks_wait(struct ranks *ranks, struct ranks_meanwhile meanwhile) {
    (void)ranks;
    (void)meanwhile;
    return 0;
}

int ranks_collect(struct ranks *ranks, const void *own, void *all, size_t size, struct ranks_meanwhile meanwhile) {
    memcpy(all, own, size);
    return ranks_wait(ranks, meanwhile);
}
int ranks_begin(struct ranks *ranks, const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives) { (void)ranks;(void)send;(void)sends;(void)receive;(void)receives; return 0; }
int ranks_progress(struct ranks *ranks, bool *done) { (void)ranks; *done = true; return 0; }
