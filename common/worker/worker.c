#include "worker/worker.h"

#include "base/clock.h"
#include "base/fail.h"
#include "run/run_options.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

struct worker_options worker_options;

#define FIELD(member) offsetof(struct worker_options, member)
static const struct option table[] = {
    {NULL, OPTION_FLAG, 0, NULL, NULL, 0, 0, "Samples other than those of the run", 0},
    {"data", OPTION_TEXT, FIELD(data), "DIR[::DIR...]", NULL, 0, 0,
     "one pass over these datasets in order; with --evaluate the default is --val-data", OPTION_LOCAL},
    {"list", OPTION_TEXT, FIELD(list), "FILE", NULL, 0, 0,
     "sample n is what line n of FILE says; at its end waits until FILE.closed exists", OPTION_LOCAL},
};
struct option_table worker_options_table = {table, sizeof table / sizeof *table, &worker_options, NULL};

bool worker_trains(void) {
    return !run_options.evaluate && !worker_options.data && !worker_options.list;
}

const char *worker_data(void) {
    if (worker_trains()) return run_options.train_data;
    return worker_options.data ? worker_options.data : run_options.val_data;
}

// Beside the data: buffers of the sockets, pages of libraries that are written to when first used. Measured.
#define WORKING_BYTES (128 << 10)
enum { MESSAGES = 2 }; // one is made while another leaves

static void announce(const struct worker *worker) {
    int64_t message = run_options.microbatch * worker->row_bytes;
    stage_announce_memory(memory_peak_bytes() + WORKING_BYTES + worker->sample_bytes + MESSAGES * message);
}

int worker_run(struct hub *hub, const struct worker *worker) {
    struct edge *edge;
    const struct edge_options options = {
        .name = worker->edge, .address = worker->address, .manner = EDGE_SERVE, .direction = EDGE_OUT};
    if (!worker->address) return error(EXIT_USAGE, "--%s ADDRESS says where the samples go", worker->edge);
    int status = hub_edge(hub, &edge, &options);
    if (status) return status;
    announce(worker);
    stage_ready();
    return edge_is_recording(edge) ? worker_record(edge, worker) : worker_serve(hub, edge, worker);
}
