// What ranks of a stage do together, a checkpoint's files or its verification, can fail on one of them. Whoever only
// waited for the others would wait for ever then, so each says how it fared and hears of all.
#include "train/agree.h"

#include <stdlib.h>

#include "base/memory.h"

int agree(struct ranks *ranks, int status, struct ranks_meanwhile meanwhile) {
    if (!ranks) return status;
    int count = ranks_count(ranks), *all = xcalloc((size_t)count, sizeof *all);
    int collected = ranks_collect(ranks, &status, all, sizeof status, meanwhile);
    if (!status) status = collected;
    for (int rank = 0; rank < count && !status; rank++)
        if (all[rank]) status = error(EXIT_PEER, "rank %d of this stage failed; its own words say why", rank);
    free(all);
    return status;
}
