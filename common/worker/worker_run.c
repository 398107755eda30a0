// A worker's life behind its options: the edge that it serves, the memory that it announces, and then units until there
// are no more: asked for (worker_serve.c) or, on a recording, in order (worker_record.c).
#include <stdlib.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

// Beside the data: buffers of the sockets, pages of libraries that are written to when first used. Measured.
#define WORKING_BYTES (128 << 10)
enum { MESSAGES = 2 }; // one is made while another leaves

static void announce(const struct worker *worker) {
    int64_t message = worker->run->options.microbatch * worker->row_bytes;
    stage_announce_memory(memory_peak_bytes() + WORKING_BYTES + worker->sample_bytes + MESSAGES * message);
}

// An answer depends on the request alone, so one worker serves all ranks of a stage.
static int open_edge(const struct worker *worker, struct hub *hub, struct edge **edge) {
    const int ranks = worker->consumers ? worker->consumers : 1;
    char *address = endpoint_of_rank(worker->address, 0, ranks);
    const struct edge_options options = {
        .name = worker->edge, .address = address, .manner = EDGE_SERVE, .direction = EDGE_OUT};
    int status = hub_edge(hub, edge, &options);
    free(address);
    for (int rank = 1; rank < ranks && !status && !edge_is_recording(*edge); rank++) {
        char *more = endpoint_of_rank(worker->address, rank, ranks);
        status = edge_connect(*edge, more);
        free(more);
    }
    return status;
}

int worker_run(const struct worker *worker, struct hub *hub) {
    struct edge *edge;
    if (!worker->address && !worker->guest)
        return error(EXIT_USAGE, "--%s ADDRESS says where the samples go", worker->edge);
    int status = worker->guest ? guest_open(worker, hub, &edge) : open_edge(worker, hub, &edge);
    if (status) return status;
    announce(worker);
    stage_ready();
    return edge_is_recording(edge) ? worker_record(worker, edge) : worker_serve(worker, hub, edge);
}
