// coca-tap replay: a worker that answers from a recording, for consumers that want to be served over a socket. A
// recording is read in order; since a consumer asks again for what it thinks lost, a unit that has gone by makes it
// begin anew, which a file allows and a pipe does not.
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static struct settings { char *edge, *role; } settings;
static const char *path, *address;

static const struct option rows[] = {
    {.help = "Replaying"},
    {"edge", OPTION_TEXT, offsetof(struct settings, edge), "NAME", NULL, 0, 0,
     "the edge's name, as its option is called", 0},
    {"role", OPTION_TEXT, offsetof(struct settings, role), "ROLE", NULL, 0, 0,
     "speak for this stage, and only with its messages; for edges whose consumer awaits certain stages", 0},
};
static struct option_table tables[] = {{rows, COUNT(rows), &settings, NULL}};

static int prepare(const struct strings *operands) {
    if (operands->count != 2) return error(EXIT_USAGE, "a FILE and an ADDRESS are needed; --help says more");
    if (!settings.edge) return error(EXIT_USAGE, "--edge NAME is needed");
    if (settings.role && strlen(settings.role) >= WIRE_NAME) return error(EXIT_USAGE, "--role is too long");
    path = operands->item[0];
    address = operands->item[1];
    if (settings.role) replay_stage.role = settings.role;
    return 0;
}

// The recording, read in order, and from its beginning again when a unit is asked for that has gone by.
static struct {
    struct hub *hub;
    struct edge *file;
    struct unit last;
} input;

static int open_file(void) {
    char *text = source_address(path);
    const struct edge_options options = {
        .name = "recording", .address = text, .manner = EDGE_PULL, .direction = EDGE_IN, .window = 1};
    int status = hub_edge(input.hub, &input.file, &options);
    free(text);
    input.last = (struct unit){-1, -1, 0, 0};
    return status;
}

static bool has_gone_by(struct unit unit) {
    return unit.step < input.last.step || (unit.step == input.last.step && unit.microbatch <= input.last.microbatch);
}

static int find(struct unit unit, struct message **message) {
    if (has_gone_by(unit)) {
        if (strcmp(path, "-") == 0)
            return error(EXIT_DATA, "(%lld, %d) is asked for again, and stdin cannot be read twice",
                         (long long)unit.step, unit.microbatch);
        int status = edge_end(input.file);
        if (status == 0) status = open_file();
        if (status) return status;
    }
    const struct address from = {settings.role, ANY_RANK};
    input.last = unit;
    return edge_take(input.file, wanted_data(from, unit.step, unit.microbatch), message);
}

// Beyond the recording's end there is no more data, as if a list ended there.
static int answer(struct edge *edge, struct unit unit) {
    struct message *message;
    int status = find(unit, &message);
    if (status == HUB_END) message = message_new(MESSAGE_END, unit);
    return status == 0 || status == HUB_END ? edge_send(edge, ANYBODY, &message) : status;
}

static int replay(struct hub *hub) {
    const struct edge_options options = {
        .name = settings.edge, .address = address, .manner = EDGE_SERVE, .direction = EDGE_OUT};
    struct edge *edge;
    struct unit unit;
    input.hub = hub;
    int status = open_file();
    if (status == 0) status = hub_edge(hub, &edge, &options);
    stage_ready();
    while (status == 0 && (status = edge_next_ask(edge, &unit)) == 0) status = answer(edge, unit);
    return status;
}

struct stage replay_stage = {
    .name = "coca-tap replay",
    .role = "tap",
    .summary = "a worker that answers a consumer from a recording",
    .manual =
        "Connects to the consumer at ADDRESS and answers each request with the recorded message of the same step\n"
        "and microbatch; a unit behind the recording's end lies beyond the data. (A stage also reads a recording\n"
        "itself: --images file:FILE.)\n"
        "  coca-tap replay --edge images images.rec ipc://sockets/images",
    .tables = tables,
    .table_count = COUNT(tables),
    .operands = "FILE ADDRESS",
    .prepare = prepare,
    .run = replay,
};
