// Who works at which shard, told by files in a folder that all claimants see: no server. A claim is a file made with
// O_EXCL that its owner writes again every few seconds; one that was not written for `expiry` seconds, by the file
// system's own clock, belongs to nobody. Two may come to work at one shard (an owner that slept longer): what they make
// are the same bytes, and the last rename counts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

#define CLAIMS_EXPIRY "60" // seconds, as options have it

struct claim_state { // of a shard that somebody works at, as its file says
    char name[256], host[256];
    int64_t pid, pictures, captions, bad;
    double seconds; // since it was claimed
    bool expired;
};

struct claims;
// The claims of the folder `to`, under `to`/.claims; a thread keeps those that are held alive. 0 or -EXIT_RUN.
int claims_open(struct claims **claims, const char *to, double expiry);
void claims_close(struct claims **claims); // gives all up

// Takes the shard `name` (no slash): 1, or 0 where somebody alive has it, or -EXIT_RUN.
int claims_take(struct claims *claims, const char *name);
void claims_tell(struct claims *claims, const char *name, int64_t pictures, int64_t captions, int64_t bad);
void claims_give(struct claims *claims, const char *name); // it is done, or another may take it

// Those of the folder now. `state` is the caller's to free. 0 or -EXIT_RUN.
int claims_list(const char *to, double expiry, struct claim_state **state, int *count);
