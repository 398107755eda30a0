// A worker's life behind its options: the edge that it serves, the memory that it announces, and then units until there
// are no more: asked for (worker_serve.c) or, on a recording, in order (worker_record.c).
#include "base/clock.h"
#include "base/fail.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

// Beside the data: buffers of the sockets, pages of libraries that are written to when first used. Measured.
#define WORKING_BYTES (128 << 10)
enum { MESSAGES = 2 }; // one is made while another leaves

static void announce(const struct worker *worker) {
    int64_t message = worker->run->options.microbatch * worker->row_bytes;
    stage_announce_memory(memory_peak_bytes() + WORKING_BYTES + worker->sample_bytes + MESSAGES * message);
}

int worker_run(const struct worker *worker, struct hub *hub) {
    struct edge *edge;
    const struct edge_options options = {
        .name = worker->edge, .address = worker->address, .manner = EDGE_SERVE, .direction = EDGE_OUT};
    if (!worker->address) return error(EXIT_USAGE, "--%s ADDRESS says where the samples go", worker->edge);
    int status = hub_edge(hub, &edge, &options);
    if (status) return status;
    announce(worker);
    stage_ready();
    return edge_is_recording(edge) ? worker_record(worker, edge) : worker_serve(worker, hub, edge);
}
