// What a worker does before its first unit: which samples it makes, the edge that it serves, the memory that it takes.
// coca-decode and coca-tokenize are workers; how one unit is made stands in worker_make.c, who asks for which in
// worker_serve.c and worker_record.c.
#include "worker/worker.h"

#include "base/clock.h"
#include "base/fail.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

#define FIELD(member) offsetof(struct worker_options, member)
static const struct option rows[] = {
    HEADING("Samples other than those of the run"),
    TEXT("data", data, "DIR[::DIR...]", NULL,
         "one pass over these datasets in order; with --evaluate the default is --val-data", OPTION_LOCAL),
    TEXT("list", list, "FILE", NULL, "sample n is what line n of FILE says; at its end waits until FILE.closed exists",
         OPTION_LOCAL),
};

struct option_table worker_options_table(struct worker_options *options) {
    return OPTION_TABLE(rows, options);
}

bool worker_trains(const struct run *run, const struct worker_options *options) {
    return !run->options.evaluate && !options->data && !options->list;
}

const char *worker_data(const struct run *run, const struct worker_options *options) {
    if (worker_trains(run, options)) return run->options.train_data;
    return options->data ? options->data : run->options.val_data;
}

// Beside the data: buffers of the sockets, pages of libraries that are written to when first used. Measured.
#define WORKING_BYTES (128 << 10)
enum { MESSAGES = 2 }; // one is made while another leaves

static void announce(const struct worker *worker) {
    int64_t message = worker->run->options.microbatch * worker->row_bytes;
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
