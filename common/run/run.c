// What the options of a run mean together: what contradicts, and what follows from several of them. A stage joins the
// run here in its `prepare`; the rows of the options stand in run_options.c, run.json is read in run_json.c.
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "run/run_json.h"
#include "run/run_model.h"
#include "stage/stage.h"

enum { THREADS_MOST = 4096, REPLICAS_MOST = 256 };

void run_init(struct run *run, const char *used) {
    *run = (struct run){.table = run_options_table(&run->options)};
    if (used) run_use(run, used);
}

void run_use(struct run *run, const char *name) {
    size_t length = strlen(run->used);
    int added = snprintf(run->used + length, sizeof run->used - length, "%s%s", length ? " " : "", name);
    if (added < 0 || (size_t)added >= sizeof run->used - length) bug("too many options are used: %s", name);
    run->table.used = run->used;
}

int run_join(struct run *run, struct model_config *config) {
    int status = run_json_read(run);
    if (!status) status = run_check(run);
    if (!status) status = run_model_read(run, config);
    if (!status) stage_identify(run->start.id, run->start.generation, config->fingerprint);
    return status;
}

// "A,B,…", each a number from `least` to `most`, of four digits at most.
static bool are_numbers(const char *list, int least, int most) {
    for (const char *at = list;; at++) {
        const size_t digits = strspn(at, "0123456789");
        if (!digits || digits > 4 || atoi(at) > most || atoi(at) < least) return false;
        at += digits;
        if (*at != ',') return !*at;
    }
}

int run_check(struct run *run) {
    struct run_options *o = &run->options;
    if (o->microbatch == 0) o->microbatch = o->batch_size;
    if (o->threads && !are_numbers(o->threads, 0, THREADS_MOST))
        return error(EXIT_USAGE, "--threads %s: it is N or IMAGE,TEXT, each 0 to %d", o->threads, THREADS_MOST);
    if (o->replicas && !are_numbers(o->replicas, 1, REPLICAS_MOST))
        return error(EXIT_USAGE, "--replicas %s: it is N or IMAGE,TEXT[,HEAD], each 1 to %d", o->replicas,
                     REPLICAS_MOST);
    if (o->crop_scale_low > o->crop_scale_high) return error(EXIT_USAGE, "--aug-scale-low is above --aug-scale-high");
    if (o->seconds > 0 && o->warmup >= 1)
        return error(EXIT_USAGE, "with --seconds, --warmup is a share of the time: below 1, not %g", o->warmup);
    return 0;
}

// "1, 2, 4": the divisors of M.
static char *fitting(int microbatches) {
    char *list = xstrdup("");
    for (int R = 1; R <= microbatches && R <= REPLICAS_MOST; R++) {
        if (microbatches % R) continue;
        char *longer = xformat("%s%s%d", list, *list ? ", " : "", R);
        free(list);
        list = longer;
    }
    return list;
}

static int check_replicas(const struct run *run) {
    const int M = run_microbatches(run);
    for (const char *at = run->options.replicas; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (M % atoi(at) == 0) continue;
        char *list = fitting(M);
        int status = error(EXIT_USAGE,
                           "--replicas %s: each rank takes as many of the %d microbatches of a step "
                           "(--batch-size over --microbatch), so %s fit",
                           run->options.replicas, M, list);
        free(list);
        return status;
    }
    return 0;
}

int run_check_batch(const struct run *run) {
    const struct run_options *o = &run->options;
    if (o->batch_size % o->microbatch)
        return error(EXIT_USAGE, "--batch-size %lld is no multiple of --microbatch %lld", (long long)o->batch_size,
                     (long long)o->microbatch);
    return check_replicas(run);
}

int run_check_length(const struct run *run) {
    const struct run_options *o = &run->options;
    int given = (o->steps > 0) + (o->seconds > 0) + (o->epochs > 0);
    if (o->seconds > 0 && o->max_seconds > 0)
        return error(EXIT_USAGE, "--max-seconds bounds --steps or --epochs; --seconds is a length itself");
    if (given == 1) return 0;
    return error(EXIT_USAGE, "give one of --steps, --seconds and --epochs (%s)",
                 given ? "several were given" : "none was given");
}

int run_check_trained(const struct run *run) {
    if (run->options.weights != WEIGHTS_INT8) return 0;
    return error(EXIT_USAGE, "--weights int8: nothing is trained in it; leave it away, or give --evaluate");
}

bool run_trains(const struct run *run) {
    const struct run_options *o = &run->options;
    return !o->evaluate && (o->control || o->features_grad || o->embeddings_grad || o->states_grad);
}

int run_microbatches(const struct run *run) {
    const struct run_options *o = &run->options;
    return o->batch_size > o->microbatch ? (int)(o->batch_size / o->microbatch) : 1;
}

// Element `place` of "A,B,…"; of a shorter list the last, so that one value is for all. The caller frees.
static char *element_of(const char *list, int place) {
    const char *comma;
    for (; place > 0 && (comma = strchr(list, ',')); place--) list = comma + 1;
    comma = strchr(list, ',');
    return xstrndup(list, comma ? (size_t)(comma - list) : strlen(list));
}

char *run_device(const struct run *run, int place) {
    return element_of(run->options.device, place);
}

int run_threads(const struct run *run, int place) {
    if (!run->options.threads) return 0;
    char *threads = element_of(run->options.threads, place);
    int count = atoi(threads);
    free(threads);
    return count;
}

int run_replicas(const struct run *run, int place) {
    if (!run->options.replicas) return 1;
    char *replicas = element_of(run->options.replicas, place);
    int count = atoi(replicas);
    free(replicas);
    return count;
}

const char *run_address(const struct run *run, const char *edge) {
    for (int i = 0; i < run->table.count; i++) {
        const struct option *option = &run->table.option[i];
        if (option->name && option->marks & RUN_ADDRESS && !strcmp(option->name, edge))
            return *(char *const *)(const void *)((const char *)&run->options + option->offset);
    }
    bug("no option gives the address of edge %s", edge);
}
