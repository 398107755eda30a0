// Where `watch` and `record` have their messages from: a recording that is read to its end, or workers that are asked,
// as a consumer would ask them. Asked are the units of --steps training steps of M microbatches; or, without steps,
// step 0 on and on until a worker says that the data end, which is how evaluations ask. AHEAD requests are always out,
// so that several workers have something to do.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stage/option_rows.h"
#include "tap.h"

#define FIELD(member) offsetof(struct source_options, member)
static const struct option rows[] = {
    HEADING("Asking workers (of no effect on a recording)"),
    TEXT("edge", edge, "NAME", NULL, "the edge's name, as its option is called", 0),
    INT("steps", steps, "N", "0", 0, INFINITY,
        "training steps to ask for; 0: microbatches of step 0 until the data end", 0),
    INT("first-step", first_step, "N", "0", 0, INFINITY, "the first of them", 0),
    INT("microbatch", microbatch, "B", "8", 1, 1 << 20, "samples of a request", 0),
    INT("batch-size", batch, "G", NULL, 0, 1 << 24, "samples of a step; without it, B", 0),
    INT("first-sample", first_sample, "N", "0", 0, INFINITY, "number of the first sample asked for", 0),
};

struct option_table source_options_table(struct source_options *options) {
    return OPTION_TABLE(rows, options);
}

enum { WINDOW = 2, AHEAD = 8 }; // requests with one worker; with all

const char *only_operand(const struct strings *operands, const char *what) {
    if (operands->count == 1) return operands->item[0];
    error(EXIT_USAGE, "one %s is needed, not %zu; --help says more", what, operands->count);
    return NULL;
}

// People write paths; an address is told by what no path of theirs begins with.
char *source_address(const char *operand) {
    bool is_address = strcmp(operand, "-") == 0 || strstr(operand, "://") || text_begins(operand, "file:");
    return is_address ? xstrdup(operand) : xformat("file:%s", operand);
}

int64_t source_total(const struct source *source) {
    return edge_is_recording(source->ahead.edge) ? 0 : source->options->steps * source->microbatches;
}

// The k-th unit asked for.
static struct unit unit_at(const struct source *source, int64_t k) {
    const struct source_options *o = source->options;
    struct unit unit = {0, (int32_t)k, o->first_sample + k * o->microbatch, (int32_t)o->microbatch};
    if (!o->steps) return unit;
    unit.step = o->first_step + k / source->microbatches;
    unit.microbatch = (int32_t)(k % source->microbatches);
    return unit;
}

static int next_unit(void *context, bool wait, struct unit *unit) {
    struct source *source = context;
    int64_t total = source_total(source);
    if (total && source->wanted == total) return wait ? HUB_END : AHEAD_NOT_YET;
    *unit = unit_at(source, source->wanted++);
    return 0;
}

static int check(struct source *source) {
    const struct source_options *o = source->options;
    int64_t batch = o->batch ? o->batch : o->microbatch;
    source->microbatches = batch / o->microbatch;
    if (edge_is_recording(source->ahead.edge)) return 0;
    if (!o->edge) return error(EXIT_USAGE, "--edge NAME is needed to ask workers");
    if (batch % o->microbatch) return error(EXIT_USAGE, "--batch-size must be a multiple of --microbatch");
    return 0;
}

int source_open(struct source *source, const struct source_options *options, struct hub *hub, const char *operand) {
    char *address = source_address(operand);
    const struct edge_options edge = {
        .name = options->edge ? options->edge : "recording",
        .address = address,
        .manner = EDGE_PULL,
        .direction = EDGE_IN,
        .window = WINDOW,
    };
    *source = (struct source){.options = options};
    source->ahead = (struct ahead){.from = ANYBODY, .window = AHEAD - 1, .next = next_unit, .context = source};
    int status = hub_edge(hub, &source->ahead.edge, &edge);
    free(address);
    return status ? status : check(source);
}

int source_next(struct source *source, struct message **message) {
    if (edge_is_recording(source->ahead.edge)) return edge_take(source->ahead.edge, wanted_anything(), message);
    int status = ahead_take(&source->ahead, message);
    // Workers do not know M; with it a reader sees when a step is cut.
    if (status == 0 && source->options->steps) (*message)->microbatches = (int32_t)source->microbatches;
    return status;
}

void source_close(struct source *source) {
    ahead_release(&source->ahead);
}
