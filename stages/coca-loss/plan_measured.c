// What a run that was made says of itself: its options, the time and targets of its steps, and the last words of its
// stages (--counters), of which the last line of each rank counts.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "plan.h"
#include "train/stages.h"

enum { RUN_JSON_LIMIT = 1 << 20, METRICS_LIMIT = 1 << 30, COUNTERS_LIMIT = 1 << 20, RANKS_MOST = 1024 };

// ---- options and model

static int read_options(struct plan_measured *measured, const char *path) {
    struct option_table *const tables[] = {&measured->run.table, NULL};
    run_init(&measured->run, NULL);
    options_defaults(tables);
    json_t *document = json_read(path, RUN_JSON_LIMIT);
    if (!document) return -EXIT_DATA;
    const json_t *options = json_object_get(document, "options");
    int status = options ? options_from_json(&measured->run.table, options, path)
                         : error(EXIT_DATA, "%s: no \"options\"; is this a run directory?", path);
    json_decref(document);
    return status ? status : run_check(&measured->run);
}

// ---- steps

struct steps {
    double *seconds;
    int64_t count, targets;
};

static int read_step(struct steps *steps, const char *line, size_t size, double batch, const char *path) {
    json_t *object = json_loadb(line, size, 0, NULL);
    const double rate = json_number_value(json_object_get(object, "samples_per_second"));
    steps->targets += json_integer_value(json_object_get(object, "targets"));
    json_decref(object);
    if (!(rate > 0)) return error(EXIT_DATA, "%s: line %" PRId64 " has no samples_per_second", path, steps->count + 1);
    steps->seconds = xrealloc_array(steps->seconds, (size_t)steps->count + 1, sizeof *steps->seconds);
    steps->seconds[steps->count++] = batch / rate;
    return 0;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, int64_t count) {
    qsort(value, (size_t)count, sizeof *value, ascending);
    return count % 2 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

// The first half of a short run has caches and pages to fill.
static int read_metrics(struct plan_measured *measured, const char *path) {
    struct steps steps = {0};
    struct buffer text = {0};
    struct lines lines;
    const char *line;
    size_t size;
    int status = file_read(path, METRICS_LIMIT, &text);
    lines_begin(&lines, text.bytes, text.size);
    while (!status && lines_next(&lines, &line, &size))
        status = read_step(&steps, line, size, (double)measured->run.options.batch_size, path);
    if (!status && !steps.count) status = error(EXIT_DATA, "%s: no step", path);
    if (!status) {
        measured->steps = steps.count;
        measured->targets = (double)steps.targets / (double)steps.count;
        measured->seconds = median(steps.seconds + steps.count / 2, steps.count - steps.count / 2);
    }
    free(steps.seconds);
    buffer_release(&text);
    return status;
}

// ---- counters

// Of one rank, over the whole run.
struct counted {
    bool there;
    double busy, announced, in, out, bytes_in, bytes_out, exchanging, ranks_in, ranks_out, ranks_bytes_in,
        ranks_bytes_out;
};

static bool read_counted(const char *line, int *rank, struct counted *c) {
    c->there = true;
    return sscanf(line, "%*s %d %*s %lf %*s %*s %lf %lf %lf %lf %*s %lf %*s %*s %lf %lf %lf %lf %lf", rank, &c->busy,
                  &c->in, &c->out, &c->bytes_in, &c->bytes_out, &c->announced, &c->exchanging, &c->ranks_in,
                  &c->ranks_out, &c->ranks_bytes_in, &c->ranks_bytes_out) == 12;
}

static void add_flow(struct plan_measured *measured, enum plan_stage stage, const struct counted *c) {
    struct plan_flow *flow = &measured->flow[stage];
    const double steps = (double)measured->steps;
    flow->messages_in += c->in / steps;
    flow->messages_out += c->out / steps;
    flow->bytes_in += c->bytes_in / steps;
    flow->bytes_out += c->bytes_out / steps;
}

// Means over ranks; and of the waiting the least, since others waited for that rank too.
static void add_exchange(struct plan_measured *measured, enum plan_side side, const struct counted *c, int ranks) {
    const double each = 1 / ((double)measured->steps * ranks);
    measured->exchange[side].sent += c->ranks_bytes_out * each;
    measured->exchange[side].received += c->ranks_bytes_in * each;
    measured->exchange[side].messages += c->ranks_out * each;
    double *waiting = &measured->exchange[side].waiting;
    if (*waiting == 0 || c->exchanging < *waiting) *waiting = c->exchanging;
    measured->busy[side] += c->busy / ranks;
}

static void add_ranks(struct plan_measured *measured, enum plan_stage stage, const struct counted *counted) {
    int ranks = 0;
    for (int rank = 0; rank < RANKS_MOST; rank++) ranks += counted[rank].there;
    for (int rank = 0; rank < RANKS_MOST; rank++) {
        if (!counted[rank].there) continue;
        add_flow(measured, stage, &counted[rank]);
        measured->announced[stage] = fmax(measured->announced[stage], counted[rank].announced);
        if (stage != PLAN_OF_LOSS)
            add_exchange(measured, stage == PLAN_OF_IMAGE ? PLAN_IMAGE : PLAN_TEXT, &counted[rank], ranks);
    }
    measured->counted |= ranks > 0;
}

static void read_counters(struct plan_measured *measured, enum plan_stage stage, const char *path) {
    struct counted *counted = xcalloc(RANKS_MOST, sizeof *counted), one;
    char *line = NULL;
    size_t capacity = 0;
    int rank;
    FILE *file = fopen(path, "re");
    while (file && getline(&line, &capacity, file) > 0)
        if (read_counted(line, &rank, &one) && rank >= 0 && rank < RANKS_MOST) counted[rank] = one;
    if (file) fclose(file);
    add_ranks(measured, stage, counted);
    free(line);
    free(counted);
}

// ---- the whole

static int read_in(struct plan_measured *measured, const char *name,
                   int (*read)(struct plan_measured *measured, const char *path)) {
    char *path = path_join(measured->path, name);
    int status = read(measured, path);
    free(path);
    return status;
}

static int read_model(struct plan_measured *measured, const char *path) {
    return model_config_read(&measured->config, path);
}

int plan_measured_read(struct plan_measured *measured, const char *path) {
    static const char *const files[PLAN_STAGES] = {ROLE_IMAGE, ROLE_TEXT, ROLE_LOSS};
    *measured = (struct plan_measured){.path = path};
    int status = read_in(measured, "run.json", read_options);
    if (!status) status = read_in(measured, "model.json", read_model);
    if (!status) status = read_in(measured, "metrics.jsonl", read_metrics);
    for (int stage = 0; stage < PLAN_STAGES && !status; stage++) {
        char *counters = xformat("%s/log/%s.counters", path, files[stage]);
        read_counters(measured, stage, counters);
        free(counters);
    }
    return status;
}

void plan_measured_release(struct plan_measured *measured) {
    struct option_table *const tables[] = {&measured->run.table, NULL};
    options_release(tables);
}
