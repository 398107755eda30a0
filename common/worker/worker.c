// Which samples a worker makes: those of the run's plan, or those that its own options say. coca-decode and
// coca-tokenize are workers. How one unit is made of samples stands in worker_make.c; a leaf, so that the others need
// not call each other.

#include "stage/option_rows.h"
#include "worker/worker_private.h"

#define FIELD(member) offsetof(struct worker_options, member)
static const struct option rows[] = {
    HEADING("Samples other than those of the run"),
    TEXT("data", data, "DIR[::DIR...]", NULL,
         "one pass over these datasets in order; with --evaluate the default is --val-data", OPTION_LOCAL),
    TEXT("list", list, "FILE", NULL, "sample n is what line n of FILE says; at its end waits until FILE.closed exists",
         OPTION_LOCAL),
    FLAG("null", null, "lines of --list end with NUL bytes instead of line ends, as those of coca-spool do",
         OPTION_LOCAL | OPTION_LETTER('0')),
};

struct option_table worker_options_table(struct worker_options *options) {
    return OPTION_TABLE(rows, options);
}

_Static_assert((int)RUN_DATASETS == PLAN_SOURCES, "a run has as many datasets as a plan takes");

static struct remote_options remote_of(const struct run_options *o) {
    return (struct remote_options){.cache = o->cache,
                                   .cache_bytes = (int64_t)(o->cache_gib * 1073741824.0),
                                   .retries = o->remote_retries,
                                   .stall_seconds = o->remote_timeout};
}

int worker_plan(struct sources_options *options, const struct run *run) {
    const struct run_options *o = &run->options;
    *options = (struct sources_options){
        .directories = o->train_data,
        .weights = o->train_data_weights,
        .seed = (uint64_t)o->seed,
        .order = SOURCES_SHUFFLED,
        .remote = remote_of(o),
        .expected = run->dataset,
        .expected_count = run->datasets,
    };
    return plan_shuffle(o->shuffle, &options->window);
}

// Without the run's plan: --list, or one pass.
static struct sources_options pass_of(const struct worker *worker, enum sources_order order) {
    const struct run_options *o = &worker->run->options;
    return (struct sources_options){
        .list = worker->options->list,
        .null = worker->options->null,
        .directories = worker->options->data ? worker->options->data : o->val_data,
        .seed = (uint64_t)o->seed,
        .order = order,
        .remote = remote_of(o),
    };
}

int worker_open(struct worker *worker, enum sources_order pass, const char *const *needs) {
    struct sources_options options = pass_of(worker, pass);
    int status = worker_trains(worker) ? worker_plan(&options, worker->run) : 0;
    if (status) return status;
    options.views = worker->views;
    options.texts = worker->texts;
    options.needs = needs;
    return sources_open(&worker->sources, &options);
}

void worker_close(struct worker *worker) {
    if (worker->sources) sources_close(&worker->sources);
    guest_leave(&worker->guest);
}
