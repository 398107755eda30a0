// Draws of samples for linear probes: by class, so that none is lost, in an order that the seed makes. What was drawn
// keeps the order of the data.
#include "measure/linear_probe_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

void probe_set_release(struct probe_set *set) {
    free(set->sample);
    *set = (struct probe_set){0};
}

struct probe_set probe_set_join(const struct probe_set *a, const struct probe_set *b) {
    struct probe_set joined = {xcalloc((size_t)(a->N + b->N), sizeof *joined.sample), a->N + b->N};
    if (a->N) memcpy(joined.sample, a->sample, (size_t)a->N * sizeof *a->sample);
    if (b->N) memcpy(joined.sample + a->N, b->sample, (size_t)b->N * sizeof *b->sample);
    return joined;
}

// How many of each class, [K]; the caller frees.
static int64_t *count_classes(const struct probe_set *set, int64_t K) {
    int64_t *count = xcalloc((size_t)K, sizeof *count);
    for (int64_t i = 0; i < set->N; i++) count[set->sample[i].class]++;
    return count;
}

// Marks as many samples of each class as `wanted` [K] says, and leaves zeros there; the caller frees the marks.
static bool *draw(const struct probe_set *set, int64_t *wanted, struct random_key key) {
    bool *drawn = xcalloc((size_t)set->N, sizeof *drawn);
    for (int64_t i = 0; i < set->N; i++) {
        const uint64_t at = random_permute(key, (uint64_t)set->N, (uint64_t)i);
        int64_t *left = &wanted[set->sample[at].class];
        drawn[at] = *left > 0;
        *left -= drawn[at];
    }
    return drawn;
}

// Moves what is marked behind what is in `to`, where there is room for it, and closes the gaps.
static void move(struct probe_set *set, const bool *marked, struct probe_set *to) {
    int64_t kept = 0;
    for (int64_t i = 0; i < set->N; i++) {
        if (marked[i])
            to->sample[to->N++] = set->sample[i];
        else
            set->sample[kept++] = set->sample[i];
    }
    set->N = kept;
}

int64_t probe_set_few(struct probe_set *set, int64_t K, int64_t shots, uint64_t seed, int64_t *found) {
    int64_t *count = count_classes(set, K), lacking = 0;
    while (lacking < K && count[lacking] >= shots) lacking++;
    if (lacking == K) {
        struct probe_set few = {xcalloc((size_t)set->N, sizeof *few.sample), 0};
        for (int64_t k = 0; k < K; k++) count[k] = shots;
        bool *drawn = draw(set, count, random_key(seed, "linear probe shots"));
        move(set, drawn, &few);
        free(drawn);
        probe_set_release(set);
        *set = few;
    } else {
        *found = count[lacking];
    }
    free(count);
    return lacking < K ? lacking : -1;
}

static int64_t held_of(int64_t count, double share) {
    const int64_t wanted = llround((double)count * share), least = count > 1 && share > 0;
    return wanted < least ? least : wanted < count ? wanted : count > 0 ? count - 1 : 0;
}

void probe_set_hold_out(struct probe_set *set, struct probe_set *held, int64_t K, double share, uint64_t seed) {
    int64_t *count = count_classes(set, K);
    for (int64_t k = 0; k < K; k++) count[k] = held_of(count[k], share);
    bool *drawn = draw(set, count, random_key(seed, "linear probe validation"));
    held->sample = xcalloc((size_t)set->N, sizeof *held->sample);
    move(set, drawn, held);
    free(drawn);
    free(count);
}
