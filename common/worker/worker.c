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

int worker_open(struct worker *worker, enum sources_order pass, const char *const *needs) {
    const struct run_options *o = &worker->run->options;
    const bool trains = worker_trains(worker);
    const char *data = worker->options->data ? worker->options->data : o->val_data;
    const struct sources_options options = {
        .list = worker->options->list,
        .null = worker->options->null,
        .directories = trains ? o->train_data : data,
        .weights = trains ? o->train_data_weights : NULL,
        .seed = (uint64_t)o->seed,
        .views = worker->views,
        .order = trains ? SOURCES_SHUFFLED : pass,
        .expected = worker->run->dataset,
        .expected_count = trains ? worker->run->datasets : 0,
        .needs = needs,
    };
    return sources_open(&worker->sources, &options);
}

void worker_close(struct worker *worker) {
    if (worker->sources) sources_close(&worker->sources);
    guest_leave(&worker->guest);
}
