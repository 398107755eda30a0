// A stage under test among its peers, all in this process: every stage of the run's topology has a hub of its own, and
// while one waits, the others' sockets are served too. What peers say can be said ahead of the test, since it lies in
// the stage's inbox until its turn; what the stage said is looked at behind it. Nothing depends on time.
#pragma once

#include "../run/run.h"

#include <sys/timerfd.h>

#include "train/edges.h"
#include "train/protocol.h"
#include "wire/recording.h"

enum { ACTORS = 8 };
struct actor {
    struct address address;
    struct hub *hub;
    struct edges edges;
};
static struct {
    struct topology topology;
    struct actor actor[ACTORS];
    int actors;
    void (*meanwhile)(void); // NULL, or what else is done whenever somebody waits
    double patience;         // seconds until a stall is told; 0: a minute
    bool serving;
    int often; // a timer: no wait is longer
} play;

// ---- hubs

static inline int serve_others(void *context) {
    uint64_t times;
    (void)context;
    if (play.serving) return 0;
    if (read(play.often, &times, sizeof times) < 0) return 0; // rung for another hub
    play.serving = true;
    for (int i = 0; i < play.actors; i++) hub_look(play.actor[i].hub);
    if (play.meanwhile) play.meanwhile();
    play.serving = false;
    return 0;
}

static inline void start_timer(void) {
    const struct timespec interval = {.tv_nsec = 100000};
    const struct itimerspec often = {interval, interval};
    play.often = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    assert_int_equal(timerfd_settime(play.often, 0, &often, NULL), 0);
}

static inline struct actor *add_actor(const char *role, int rank) {
    struct actor *actor = &play.actor[play.actors++];
    const struct hub_config config = {.role = role,
                                      .rank = rank,
                                      .run = "",
                                      .peer_timeout = 60,
                                      .request_timeout = 60,
                                      .stall_timeout = play.patience > 0 ? play.patience : 60,
                                      .message_limit = 1 << 20};
    assert_true(play.actors <= ACTORS);
    *actor = (struct actor){.address = {role, rank}, .hub = hub_new(&config)};
    if (!play.often) start_timer();
    hub_watch(actor->hub, play.often, serve_others, NULL);
    return actor;
}

static inline void end_play(void) {
    for (int i = 0; i < play.actors; i++)
        if (play.actor[i].hub) hub_abandon(&play.actor[i].hub);
    if (play.often) close(play.often);
    memset(&play, 0, sizeof play);
}

static inline int leave_play(void **state) {
    end_play();
    return leave_folder(state);
}

#define IN_PLAY(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_play)

// ---- the cast

// Options of narrow_vision on the reference backend, then `more`.
static inline void type_model(const char *more) {
    char *words = xformat("--device reference --model %s/parity/narrow_vision/model.json %s", tests_folder, more);
    assert_done(type_options(words));
    assert_done(run_check(&typed));
    free(words);
    play.topology = topology_of(&typed);
}

// With all edges between stages.
static inline void type_play(const char *more) {
    static const char *const edges =
        "--control ipc://control --features ipc://features --features-grad ipc://d-features "
        "--embeddings ipc://embeddings --embeddings-grad ipc://d-embeddings";
    char *words = xformat("%s %s", edges, more);
    type_model(words);
    free(words);
}

static inline struct actor *actor_of(const char *role, int rank) {
    for (int i = 0; i < play.actors; i++)
        if (!strcmp(play.actor[i].address.role, role) && play.actor[i].address.rank == rank) return &play.actor[i];
    fail_msg("%s %d does not play", role, rank);
    return NULL;
}

static inline struct actor *cast(const struct stage_row *row, int rank) {
    struct actor *actor = add_actor(row->role, rank);
    actor->edges = (struct edges){
        .hub = actor->hub, .row = row, .topology = &play.topology, .run = &typed, .trains = !typed.options.evaluate};
    return actor;
}

static inline void open_edges(struct actor *actor, enum edge_manner manner) {
    const struct stage_row *row = actor->edges.row;
    for (int i = 0; i < row->edge_count; i++)
        if (row->edges[i].manner == manner) assert_done(edges_open(&actor->edges, &row->edges[i], 1));
}

// Every rank of every stage of the topology opens its edges, and all have met. Returns the stage under test, which
// opens its pulled edge too.
static inline struct actor *begin_play(const char *role, int rank) {
    for (int i = 0; i < play.topology.count; i++)
        for (int r = 0; r < play.topology.stage[i].ranks; r++) cast(play.topology.stage[i].row, r);
    for (int i = 0; i < play.actors; i++) open_edges(&play.actor[i], EDGE_BIND); // first, so that nobody connects twice
    for (int i = 0; i < play.actors; i++) open_edges(&play.actor[i], EDGE_CONNECT);
    for (int i = 0; i < play.actors; i++) assert_done(hub_meet(play.actor[i].hub));
    open_edges(actor_of(role, rank), EDGE_PULL);
    return actor_of(role, rank);
}

// ---- saying and hearing

static inline struct edge *edge_of(const struct actor *actor, const char *name) {
    struct edge *edge = edges_channel(&actor->edges, name).edge;
    if (!edge) fail_msg("%s %d has no edge %s", actor->address.role, actor->address.rank, name);
    return edge;
}

static inline void say(const struct actor *actor, const char *edge, struct address to, struct message *message) {
    assert_done(edge_send(edge_of(actor, edge), to, &message));
}

// A message of no tensors.
static inline void say_data(const struct actor *actor, const char *edge, struct address to, int64_t step, int m) {
    say(actor, edge, to, message_new(MESSAGE_DATA, (struct unit){.step = step, .microbatch = m, .samples = 2}));
}

static inline void say_end(const struct actor *actor, const char *edge) {
    assert_done(edge_end(edge_of(actor, edge)));
}

static inline void say_all_ends(const struct actor *actor) {
    for (int i = 0; i < actor->edges.count; i++) assert_done(edge_end(actor->edges.item[i].channel.edge));
}

// The caller frees.
static inline struct message *hear(const struct actor *actor, const char *edge, struct wanted wanted) {
    struct message *message;
    assert_done(edge_take(edge_of(actor, edge), wanted, &message));
    return message;
}

static inline void hear_data(const struct actor *actor, const char *edge, struct address from, int64_t step, int m) {
    struct message *message = hear(actor, edge, wanted_data(from, step, m));
    message_free(&message);
}

// The peer said nothing on the edge that was not heard, and ended it.
static inline void hear_end(const struct actor *actor, const char *edge, struct address from) {
    struct message *message;
    struct wanted wanted = wanted_anything();
    wanted.from = from;
    int status = edge_take(edge_of(actor, edge), wanted, &message);
    if (status == 0) fail_msg("%s: a message more, %s", edge, message_name(message));
    assert_int_equal(status, HUB_END);
}

// ---- recordings of pulled edges

// So many microbatches of two samples, M to a step, as workers make them: without a word of M.
static inline void record_unit(struct recording *recording, struct unit unit) {
    struct message *message = message_new(MESSAGE_DATA, unit);
    strcpy(message->from, "decode");
    assert_done(recording_write(recording, message));
    message_free(&message);
}

static inline void record_units(const char *path, int count, int M) {
    struct recording *recording;
    assert_done(recording_create(&recording, path));
    for (int i = 0; i < count; i++) record_unit(recording, (struct unit){i / M, i % M, 2 * i, 2});
    assert_done(recording_close(&recording));
}

// ---- workers

// One worker of a pulled edge, which answers units in the order of asking while it may, and ends behind the last one.
static struct {
    struct edge *edge;
    int answered, allowed, units; // so far; at most; that its data have
    const char *drop;             // NULL, or told with each unit
} worker;

static inline void answer(struct unit unit, bool beyond) {
    struct message *message = message_new(beyond ? MESSAGE_END : MESSAGE_DATA, unit);
    if (worker.drop && !beyond) message_add_strings(message, TENSOR_DROPS, &worker.drop, 1);
    assert_done(edge_send(worker.edge, ANYBODY, &message));
}

static inline void work_on(void) {
    struct unit unit;
    while (worker.answered < worker.allowed && edge_ready(worker.edge, wanted_ask()) &&
           edge_next_ask(worker.edge, &unit) == 0)
        answer(unit, worker.answered++ >= worker.units);
}

// Data of so many units, all of which it may answer.
static inline void begin_worker(const char *role, const char *edge, const char *address, int units) {
    const struct edge_options options = {.name = edge, .address = address, .manner = EDGE_SERVE, .direction = EDGE_OUT};
    memset(&worker, 0, sizeof worker);
    assert_done(hub_edge(add_actor(role, 0)->hub, &worker.edge, &options));
    worker.units = units;
    worker.allowed = 1000;
    play.meanwhile = work_on;
}
