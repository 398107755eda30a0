// coca-tap replay: a worker that answers from a recording, for consumers that want to be served over a socket. A
// recording is read in order; since a consumer asks again for what it thinks lost, a unit that has gone by makes it
// begin anew, which a file allows and a pipe does not.
#include <stdlib.h>
#include <string.h>

#include "stage/option_rows.h"
#include "tap.h"

static const char manual[] =
    "Connects to the consumer at ADDRESS and answers each request with the recorded message of the same step\n"
    "and microbatch; a unit behind the recording's end lies beyond the data. (A stage also reads a recording\n"
    "itself: --images file:FILE.)\n"
    "  coca-tap replay --edge images images.rec ipc://sockets/images";

struct replay {
    char *edge, *role;
    const char *path, *address;
    struct stage *stage; // whose role is an option
    // The recording, read in order, and from its beginning again when a unit is asked for that has gone by.
    struct hub *hub;
    struct edge *file;
    struct unit last;
};

#define FIELD(member) offsetof(struct replay, member)
static const struct option rows[] = {
    HEADING("Replaying"),
    TEXT("edge", edge, "NAME", NULL, "the edge's name, as its option is called", 0),
    TEXT("role", role, "ROLE", NULL,
         "speak for this stage, and only with its messages; for edges whose consumer awaits certain stages", 0),
};

static int prepare(void *context, const struct strings *operands) {
    struct replay *replay = context;
    if (operands->count != 2) return error(EXIT_USAGE, "a FILE and an ADDRESS are needed; --help says more");
    if (!replay->edge) return error(EXIT_USAGE, "--edge NAME is needed");
    if (replay->role && strlen(replay->role) >= WIRE_NAME) return error(EXIT_USAGE, "--role is too long");
    replay->path = operands->item[0];
    replay->address = operands->item[1];
    if (replay->role) replay->stage->role = replay->role;
    return 0;
}

static int open_file(struct replay *replay) {
    char *text = source_address(replay->path);
    const struct edge_options options = {
        .name = "recording", .address = text, .manner = EDGE_PULL, .direction = EDGE_IN, .window = 1};
    int status = hub_edge(replay->hub, &replay->file, &options);
    free(text);
    replay->last = (struct unit){-1, -1, 0, 0};
    return status;
}

static bool has_gone_by(struct unit unit, struct unit last) {
    return unit.step < last.step || (unit.step == last.step && unit.microbatch <= last.microbatch);
}

static int find(struct replay *replay, struct unit unit, struct message **message) {
    const struct address from = {replay->role, ANY_RANK};
    if (has_gone_by(unit, replay->last)) {
        if (strcmp(replay->path, "-") == 0)
            return error(EXIT_DATA, "(%lld, %d) is asked for again, and stdin cannot be read twice",
                         (long long)unit.step, unit.microbatch);
        int status = edge_end(replay->file);
        if (status == 0) status = open_file(replay);
        if (status) return status;
    }
    replay->last = unit;
    return edge_take(replay->file, wanted_data(from, unit.step, unit.microbatch), message);
}

static int answer(struct replay *replay, struct edge *edge, struct unit unit) {
    struct message *message;
    int status = find(replay, unit, &message);
    if (status == HUB_END) message = message_new(MESSAGE_END, unit);
    return status == 0 || status == HUB_END ? edge_send(edge, ANYBODY, &message) : status;
}

static int run(void *context, struct hub *hub) {
    struct replay *replay = context;
    const struct edge_options options = {
        .name = replay->edge, .address = replay->address, .manner = EDGE_SERVE, .direction = EDGE_OUT};
    struct edge *edge;
    struct unit unit;
    replay->hub = hub;
    int status = open_file(replay);
    if (status == 0) status = hub_edge(hub, &edge, &options);
    stage_ready();
    while (status == 0 && (status = edge_next_ask(edge, &unit)) == 0) status = answer(replay, edge, unit);
    return status;
}

int replay_main(const struct command *command, int argc, char **argv) {
    struct replay replay = {.edge = NULL};
    struct option_table own = OPTION_TABLE(rows, &replay);
    struct option_table *const tables[] = {&own, NULL};
    struct stage stage = {.name = "coca-tap replay",
                          .role = "tap",
                          .summary = command->summary,
                          .manual = manual,
                          .tables = tables,
                          .operands = "FILE ADDRESS",
                          .context = &replay,
                          .prepare = prepare,
                          .run = run};
    replay.stage = &stage;
    return stage_main(&stage, argc, argv);
}
