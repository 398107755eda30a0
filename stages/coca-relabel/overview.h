// How far the job in a folder is. What is done is looked at once, so a look costs what is not done yet.
#pragma once

#include "claims.h"
#include "folder.h"

struct overview {
    const char *to; // borrowed
    struct strings shards;
    bool *done; // [shards.count]
    int64_t done_count;
    struct shard_stats finished; // of those done
    struct claim_state *claim;   // of those not done
    int claims, working;         // working: claims that have not expired
};

int overview_open(struct overview *overview, const char *to); // 0 or -EXIT_DATA
int overview_look(struct overview *overview, double expiry); // again, as often as one likes; 0, -EXIT_RUN or -EXIT_DATA
void overview_release(struct overview *overview);

// With what is in work: of expired claims nothing is left.
struct shard_stats overview_total(const struct overview *overview);
static inline int64_t overview_left(const struct overview *overview) {
    return (int64_t)overview->shards.count - overview->done_count;
}
// Pictures that are not done, if shards are as large as those done were; below 0: not known.
double overview_pictures_left(const struct overview *overview);
