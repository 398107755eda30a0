// What the binding of NCCL says to ranks, without GPUs: STAND_IN names what this one has. Memory that begins with G is
// taken for a GPU's, and nothing is moved. test_devices.c compiles it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "ranks/devices.h"

static bool under_way;

static bool is(const char *word) {
    return strcmp(getenv("STAND_IN"), word) == 0;
}

static int rank_here(void) {
    const char *rank = getenv("PMI_RANK");
    return atoi(rank ? rank : getenv("OMPI_COMM_WORLD_RANK"));
}

static void offer(struct device_offer *offer, bool first) {
    const bool other = rank_here() == 1;
    if (is("lacks") && other) {
        snprintf(offer->reason, sizeof offer->reason, "libnccl.so.2: cannot open shared object file");
        return;
    }
    offer->version = is("releases") && other ? 22803 : 22703;
    offer->gpu[15] = is("shared") ? 7 : (uint8_t)rank_here();
    if (first) memcpy(offer->start, "here", 5);
}

static int join(int device, const uint8_t *start, int rank, int ranks) {
    if (is("broken")) return error(EXIT_RUN, "NCCL, the test's own error");
    if (rank == 0) note("join of %d ranks on device %d at %s", ranks, device, (const char *)start);
    return 0;
}

static bool holds(const void *memory) {
    return *(const char *)memory == 'G';
}

static int begin(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives) {
    (void)receive;
    note("a group of %d and %d, the first of %zu bytes", sends, receives, send->size);
    under_way = true;
    return 0;
}

static int progress(bool *done) {
    *done = !under_way;
    under_way = false;
    return 0;
}

static void leave(bool well) {
    note("left %s", well ? "well" : "otherwise");
}

struct device_transport coca_devices = {
    .size = DEVICES_SIZE,
    .name = "stand-in",
    .offer = offer,
    .join = join,
    .holds = holds,
    .begin = begin,
    .progress = progress,
    .leave = leave,
};
