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

bool worker_trains(const struct worker *worker) {
    return !worker->run->options.evaluate && !worker->options->data && !worker->options->list;
}

_Static_assert((int)RUN_DATASETS == PLAN_SOURCES, "a run has as many datasets as a plan takes");

int worker_open(struct worker *worker, enum sources_order pass, const char *const *needs) {
    const struct run_options *o = &worker->run->options;
    const bool trains = worker_trains(worker);
    const char *data = worker->options->data ? worker->options->data : o->val_data;
    const struct sources_options options = {
        .list = worker->options->list,
        .directories = trains ? o->train_data : data,
        .weights = trains ? o->train_data_weights : NULL,
        .seed = (uint64_t)o->seed,
        .order = trains ? SOURCES_SHUFFLED : pass,
        .expected = worker->run->dataset,
        .expected_count = trains ? worker->run->datasets : 0,
        .needs = needs,
    };
    return sources_open(&worker->sources, &options);
}

void worker_close(struct worker *worker) {
    if (worker->sources) sources_close(&worker->sources);
}

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
