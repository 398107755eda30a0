// The ranks of a stage, over whatever moves bytes between them: a transport, which launcher.c finds.
//
// Ranks share cores with their workers and, in tests, with each other, so that a wait naps between its looks at the
// library, the longer the longer it has waited. A look that took long has moved bytes, and more are likely behind them:
// the next one follows at once.
#include "ranks/ranks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "ranks/devices.h"
#include "ranks/leaks.h"
#include "ranks/transport.h"

#define LOOK_SECONDS 1e-3  // between two calls of meanwhile.look
#define MOVED_SECONDS 3e-6 // a library that finds nothing to do returns sooner
#define NAP_LEAST 20e-6
#define NAP_MOST 500e-6
#define NAP_PART 0.02 // of the wait so far

struct ranks {
    int rank, count, place;
    struct transport *transport;      // NULL of a single rank
    struct device_transport *devices; // NULL: all pieces are host memory
    struct ranks_counters counters;
};

static int check_count(const struct ranks *ranks, const char *stage, int expected) {
    if (ranks->count == expected) return 0;
    return error(EXIT_USAGE, "%s: %s has %d ranks, and --replicas asks for %d: start it with mpirun -n %d%s", stage,
                 ranks->transport->name, ranks->count, expected, expected,
                 ranks->count == 1 ? " of that MPI, or say COCA_MPI=openmpi or mpich" : "");
}

static int join(struct ranks *ranks, const char *stage, int expected) {
    ranks->transport = transport_find(stage, expected);
    if (!ranks->transport) return -EXIT_USAGE;
    leaks_ignore();
    const int status = ranks->transport->join(&ranks->rank, &ranks->count, &ranks->place);
    leaks_heed();
    leaks_name();
    return status ? status : check_count(ranks, stage, expected);
}

int ranks_open(struct ranks **ranks, const char *stage, int expected) {
    struct ranks *made = xcalloc(1, sizeof *made);
    made->count = 1;
    const int status = expected == 1 ? 0 : join(made, stage, expected);
    if (status) ranks_close(&made, false);
    *ranks = made;
    return status;
}

void ranks_carry_devices(struct ranks *ranks, struct device_transport *devices) {
    ranks->devices = devices;
}

struct ranks *ranks_imagine(int rank, int count) {
    struct ranks *ranks = xcalloc(1, sizeof *ranks);
    *ranks = (struct ranks){.rank = rank, .count = count};
    return ranks;
}

void ranks_close(struct ranks **ranks, bool well) {
    if (*ranks && (*ranks)->transport) {
        leaks_ignore();
        if ((*ranks)->devices) (*ranks)->devices->leave(well);
        (*ranks)->transport->leave(well);
        leaks_heed();
        if (!well) leaks_forget();
    }
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

const char *ranks_transport(const struct ranks *ranks) {
    return ranks->transport ? ranks->transport->name : "";
}

struct ranks_counters ranks_counters(const struct ranks *ranks) {
    return ranks->counters;
}

static void check_pieces(const struct ranks *ranks, const struct ranks_piece *pieces, int count, int64_t *bytes,
                         int64_t *messages) {
    for (int i = 0; i < count; i++) {
        const int rank = pieces[i].rank;
        if (rank < 0 || rank >= ranks->count || rank == ranks->rank)
            bug("a piece for rank %d, at rank %d of %d", rank, ranks->rank, ranks->count);
        *bytes += (int64_t)pieces[i].size;
    }
    *messages += count;
}

// How many of them are memory of a GPU. Empty pieces count as what the others are.
static int count_held(const struct ranks *ranks, const struct ranks_piece *pieces, int count) {
    int held = 0;
    for (int i = 0; i < count; i++) held += pieces[i].size && ranks->devices->holds(pieces[i].bytes);
    return held;
}

static int count_filled(const struct ranks_piece *pieces, int count) {
    int filled = 0;
    for (int i = 0; i < count; i++) filled += pieces[i].size > 0;
    return filled;
}

static bool are_held(const struct ranks *ranks, const struct ranks_piece *send, int sends,
                     const struct ranks_piece *receive, int receives) {
    if (!ranks->devices) return false;
    const int held = count_held(ranks, send, sends) + count_held(ranks, receive, receives);
    if (held && held != count_filled(send, sends) + count_filled(receive, receives))
        bug("pieces of one exchange lie on the host and on a GPU");
    return held > 0;
}

int ranks_begin(struct ranks *ranks, const struct ranks_piece *send, int sends, const struct ranks_piece *receive,
                int receives) {
    struct ranks_counters *counters = &ranks->counters;
    check_pieces(ranks, send, sends, &counters->bytes_out, &counters->messages_out);
    check_pieces(ranks, receive, receives, &counters->bytes_in, &counters->messages_in);
    if (!ranks->transport) return 0;
    leaks_ignore();
    const int status = are_held(ranks, send, sends, receive, receives)
                           ? ranks->devices->begin(send, sends, receive, receives)
                           : ranks->transport->begin(send, sends, receive, receives);
    leaks_heed();
    return status;
}

static int progress(struct ranks *ranks, bool *done) {
    bool devices_done = true;
    int status = ranks->transport->progress(done);
    if (!status && ranks->devices) status = ranks->devices->progress(&devices_done);
    *done = *done && devices_done;
    return status;
}

int ranks_progress(struct ranks *ranks, bool *done) {
    *done = true;
    if (!ranks->transport) return 0;
    leaks_ignore();
    const int status = progress(ranks, done);
    leaks_heed();
    return status;
}

static void nap(double waited) {
    const double part = NAP_PART * waited, nap = part < NAP_LEAST ? NAP_LEAST : part > NAP_MOST ? NAP_MOST : part;
    nanosleep(&(struct timespec){0, (long)(nap * 1e9)}, NULL);
}

static int wait_until_done(struct ranks *ranks, struct ranks_meanwhile meanwhile) {
    const double start = clock_seconds();
    double before = start, looked = start;
    for (;;) {
        bool done;
        int status = ranks_progress(ranks, &done);
        if (status || done) return status;
        const double now = clock_seconds();
        if (meanwhile.look && now - looked >= LOOK_SECONDS) {
            status = meanwhile.look(meanwhile.context);
            looked = clock_seconds();
        }
        if (status) return status;
        if (now - before < MOVED_SECONDS) nap(now - start);
        before = clock_seconds();
    }
}

int ranks_wait(struct ranks *ranks, struct ranks_meanwhile meanwhile) {
    const double start = clock_seconds();
    const int status = wait_until_done(ranks, meanwhile);
    ranks->counters.waiting += clock_seconds() - start;
    return status;
}

int ranks_collect(struct ranks *ranks, const void *own, void *all, size_t size, struct ranks_meanwhile meanwhile) {
    struct ranks_piece *send = xcalloc((size_t)ranks->count, sizeof *send),
                       *receive = xcalloc((size_t)ranks->count, sizeof *receive);
    int others = 0;
    for (int r = 0; r < ranks->count; r++) {
        char *place = (char *)all + (size_t)r * size;
        if (r == ranks->rank) {
            if (place != own) memcpy(place, own, size);
            continue;
        }
        send[others] = (struct ranks_piece){r, (void *)(uintptr_t)own, size};
        receive[others++] = (struct ranks_piece){r, place, size};
    }
    const int status = ranks_begin(ranks, send, others, receive, others);
    free(send);
    free(receive);
    return status ? status : ranks_wait(ranks, meanwhile);
}
