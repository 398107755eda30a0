// Where `watch` and `record` have their messages from: a recording that is read to its end, or workers that are asked,
// as a consumer would ask them. Asked are the units of --steps training steps of M microbatches; or, without steps,
// step 0 on and on until a worker says that the data end, which is how evaluations ask. AHEAD requests are always out,
// so that several workers have something to do.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

struct source_settings source_settings;

#define AT(field) offsetof(struct source_settings, field)
const struct option source_rows[SOURCE_ROWS] = {
    {.help = "Asking workers (of no effect on a recording)"},
    {"edge", OPTION_TEXT, AT(edge), "NAME", NULL, 0, 0, "the edge's name, as its option is called", 0},
    {"steps", OPTION_INT, AT(steps), "N", "0", 0, INFINITY,
     "training steps to ask for; 0: microbatches of step 0 until the data end", 0},
    {"first-step", OPTION_INT, AT(first_step), "N", "0", 0, INFINITY, "the first of them", 0},
    {"microbatch", OPTION_INT, AT(microbatch), "B", "8", 1, 1 << 20, "samples of a request", 0},
    {"batch-size", OPTION_INT, AT(batch), "G", NULL, 0, 1 << 24, "samples of a step; without it, B", 0},
    {"first-sample", OPTION_INT, AT(first_sample), "N", "0", 0, INFINITY, "number of the first sample asked for", 0},
};

enum { WINDOW = 2, AHEAD = 8 }; // requests with one worker; with all

static struct {
    struct edge *edge;
    int64_t wanted, taken, microbatches; // so far, so far, M
} source;

const char *only_operand(const struct strings *operands, const char *what) {
    if (operands->count == 1) return operands->item[0];
    error(EXIT_USAGE, "one %s is needed, not %zu; --help says more", what, operands->count);
    return NULL;
}

// People write paths; an address is told by what no path of theirs begins with.
char *source_address(const char *operand) {
    bool is_address = strcmp(operand, "-") == 0 || strstr(operand, "://") || strncmp(operand, "file:", 5) == 0;
    return is_address ? xstrdup(operand) : xformat("file:%s", operand);
}

static int check_settings(void) {
    const struct source_settings *o = &source_settings;
    int64_t batch = o->batch ? o->batch : o->microbatch;
    source.microbatches = batch / o->microbatch;
    if (edge_is_recording(source.edge)) return 0;
    if (!o->edge) return error(EXIT_USAGE, "--edge NAME is needed to ask workers");
    if (batch % o->microbatch) return error(EXIT_USAGE, "--batch-size must be a multiple of --microbatch");
    return 0;
}

int source_open(struct hub *hub, const char *operand) {
    char *address = source_address(operand);
    const struct edge_options options = {
        .name = source_settings.edge ? source_settings.edge : "recording",
        .address = address,
        .manner = EDGE_PULL,
        .direction = EDGE_IN,
        .window = WINDOW,
    };
    int status = hub_edge(hub, &source.edge, &options);
    free(address);
    return status ? status : check_settings();
}

int64_t source_total(void) {
    return edge_is_recording(source.edge) ? 0 : source_settings.steps * source.microbatches;
}

// The k-th unit asked for.
static struct unit unit_at(int64_t k) {
    const struct source_settings *o = &source_settings;
    struct unit unit = {0, (int32_t)k, o->first_sample + k * o->microbatch, (int32_t)o->microbatch};
    if (!o->steps) return unit;
    unit.step = o->first_step + k / source.microbatches;
    unit.microbatch = (int32_t)(k % source.microbatches);
    return unit;
}

static int ask_next(struct message **message) {
    int64_t total = source_total();
    if (total && source.taken == total) return HUB_END;
    for (; source.wanted < source.taken + AHEAD && (!total || source.wanted < total); source.wanted++)
        edge_want(source.edge, ANYBODY, unit_at(source.wanted));
    struct unit unit = unit_at(source.taken++);
    int status = edge_take(source.edge, wanted_data(ANYBODY, unit.step, unit.microbatch), message);
    // Workers do not know M; with it a reader sees when a step is cut.
    if (status == 0 && source_settings.steps) (*message)->microbatches = (int32_t)source.microbatches;
    return status;
}

int source_next(struct message **message) {
    if (!edge_is_recording(source.edge)) return ask_next(message);
    return edge_take(source.edge, wanted_anything(), message);
}
