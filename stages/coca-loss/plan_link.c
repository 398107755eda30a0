// What crosses from host to host: for each host the bytes that leave it and those that come.
#include "plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

struct link {
    double out, in; // bytes
};

static void carry(struct link *link, int from, int to, double bytes) {
    if (from == to) return;
    link[from].out += bytes;
    link[to].in += bytes;
}

// Features and their gradients, embeddings and theirs.
static void carry_microbatches(struct link *link, const struct plan_machine *machine, const struct plan_step *step,
                               const struct plan_traffic *traffic) {
    const int loss = plan_host(machine, step, PLAN_TEXT, 0);
    for (int m = 0; m < step->microbatches; m++) {
        int at[PLAN_SIDES];
        for (int side = 0; side < PLAN_SIDES; side++) {
            at[side] = plan_host(machine, step, side, plan_owner(step, side, m));
            carry(link, at[side], loss, traffic->embedding_bytes);
            carry(link, loss, at[side], traffic->embedding_bytes);
        }
        carry(link, at[PLAN_IMAGE], at[PLAN_TEXT], traffic->feature_bytes);
        carry(link, at[PLAN_TEXT], at[PLAN_IMAGE], traffic->feature_bytes);
    }
}

// All to all: each rank has 1/(R − 1) of what it sends for each other rank.
static void carry_exchange(struct link *link, const struct plan_machine *machine, const struct plan_step *step,
                           enum plan_side side, double sent) {
    const int R = step->ranks[side];
    for (int from = 0; from < R; from++)
        for (int to = 0; to < R; to++)
            if (from != to)
                carry(link, plan_host(machine, step, side, from), plan_host(machine, step, side, to), sent / (R - 1));
}

static double busiest(const struct link *link, int hosts) {
    double most = 0;
    for (int i = 0; i < hosts; i++) most = fmax(most, fmax(link[i].out, link[i].in));
    return most;
}

double plan_link_bytes(const struct plan_machine *machine, const struct plan_step *step,
                       const struct plan_traffic *traffic) {
    struct link *link = xcalloc((size_t)machine->hosts, sizeof *link);
    carry_microbatches(link, machine, step, traffic);
    for (int side = 0; side < PLAN_SIDES; side++)
        carry_exchange(link, machine, step, side, traffic->exchange[side].gradients + traffic->exchange[side].values);
    const double most = busiest(link, machine->hosts);
    free(link);
    return most;
}

// Over the busiest link, or between ranks of one host, whichever is slower; each rank has its own place there.
double plan_exchange_seconds(const struct plan_machine *machine, const struct plan_step *step, enum plan_side side,
                             double sent) {
    const int R = step->ranks[side], first = plan_host(machine, step, side, 0);
    struct link *link = xcalloc((size_t)machine->hosts, sizeof *link);
    int beside = 0; // ranks on the first one's host
    if (R > 1) carry_exchange(link, machine, step, side, sent);
    for (int rank = 0; rank < R; rank++) beside += plan_host(machine, step, side, rank) == first;
    const double local = R > 1 ? sent * (beside - 1) / (R - 1) : 0;
    const double across = busiest(link, machine->hosts);
    free(link);
    return fmax(across > 0 ? across * 8 / (machine->gbps * 1e9) : 0,
                local > 0 ? local * 8 / (machine->local_gbps * 1e9) : 0);
}
