// How the stages of a run over hosts come together: each says where it listens, hears where the others do, and what
// contradicts is refused. Conductor and follower are processes; the follower is spoken by hand where it says what no
// stage would.
#include "../run/run.h"
#include "../wire/peers.h"

#include "base/file.h"
#include "train/edges.h"
#include "wire/recording.h"

static char control[40]; // its address

static int enter(void **state) {
    snprintf(control, sizeof control, "tcp://127.0.0.1:%d", free_port());
    return enter_folder(state);
}
#define IN_MEETING(test) cmocka_unit_test_setup_teardown(test, enter, leave_folder)

static void type_run_over_hosts(const char *more) {
    char *words = xformat("--control %s %s", control, more);
    assert_done(type_options(words));
    assert_done(run_check(&typed));
    free(words);
}

// ---- one stage

struct stage {
    const struct stage_row *row;
    const char *more; // words
};

static int open_edges(const struct stage_row *row, struct hub *hub, struct edges *edges) {
    static struct topology topology;
    topology = topology_of(&typed);
    *edges = (struct edges){.hub = hub, .row = row, .topology = &topology, .run = &typed, .trains = true};
    return edges_open(edges, row->edges, row->edge_count);
}

// Comes together with the others, and leaves as they do.
static int attend(void *argument) {
    const struct stage *stage = argument;
    struct hub *hub = hub_of(stage->row->role);
    struct edges edges;
    type_run_over_hosts(stage->more);
    int status = open_edges(stage->row, hub, &edges);
    if (!status) status = hub_meet(hub);
    if (!status) status = hub_close(&hub);
    if (hub) hub_abandon(&hub);
    edges_close(&edges);
    release_options();
    return status;
}

#define RECORDED "--images file:images.rec --tokens file:tokens.rec"

static void record(const char *path) {
    struct recording *recording;
    assert_done(recording_create(&recording, path));
    assert_done(recording_close(&recording));
}

static void stages_find_each_other_by_control_alone(void **state) {
    (void)state;
    struct stage loss = {&loss_row, ""}, image = {&image_row, RECORDED}, text = {&text_row, RECORDED};
    record("images.rec");
    record("tokens.rec");
    assert_done(directory_make("sockets"));
    pid_t pid[3] = {start(attend, &text), start(attend, &image), start(attend, &loss)};
    for (int i = 0; i < 3; i++) assert_int_equal(finish(pid[i]), 0);
}

static void without_a_conductor_who_is_missing_is_named(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    struct edges edges;
    config.peer_timeout = 0.3;
    struct hub *hub = hub_new(&config);
    record("images.rec");
    type_run_over_hosts(RECORDED);
    assert_refused(EXIT_PEER, control, open_edges(&image_row, hub, &edges));
    hub_abandon(&hub);
}

// ---- what is refused

// A follower that announces these places, so many times.
static struct {
    struct stage_place place;
    int times;
} claim;

static int announce(void *argument) {
    struct edge *edge;
    struct places places = {0};
    struct hub *hub = hub_of(ROLE_IMAGE);
    (void)argument;
    if (open_edge(hub, &edge, "control", control, EDGE_CONNECT, NULL)) return 1;
    if (edge_meet(edge)) return 1;
    for (int i = 0; i < claim.times; i++) places_add(&places, &claim.place);
    struct message *message = places_pack(WORD_ANNOUNCE, &places);
    if (edge_send(edge, ANYBODY, &message)) return 1;
    places_release(&places);
    edge_take(edge, wanted_word(WORD_WHERE, ANYBODY, -1, -1), &message); // until the conductor leaves
    hub_abandon(&hub);
    return 0;
}

static void assert_conductor_refuses(struct stage_place place, int times, const char *words) {
    struct edges edges;
    struct hub *hub = hub_of(ROLE_LOSS);
    claim.place = place, claim.times = times;
    pid_t follower = start(announce, NULL);
    type_run_over_hosts("--coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0"); // image-encode alone follows
    assert_refused(EXIT_RUN, words, open_edges(&loss_row, hub, &edges));
    hub_abandon(&hub);
    edges_close(&edges);
    finish(follower);
}

static struct stage_place place_of(const char *role, int rank, const char *edge, const char *tcp) {
    return (struct stage_place){.role = (char *)role,
                          .rank = rank,
                          .edge = (char *)edge,
                          .host = (char *)"a",
                          .folder = (char *)"/",
                          .ipc = (char *)"",
                          .tcp = (char *)tcp};
}

static void what_contradicts_is_refused(void **state) {
    (void)state;
    assert_conductor_refuses(place_of(ROLE_TEXT, 0, "tokens", "tcp://a:1"), 1, "it speaks for another");
    assert_conductor_refuses(place_of(ROLE_IMAGE, 1, "images", "tcp://a:1"), 1, "it speaks for another");
    assert_conductor_refuses(place_of(ROLE_IMAGE, 0, "embeddings", "tcp://a:1"), 1, "does not listen at that edge");
    assert_conductor_refuses(place_of(ROLE_IMAGE, 0, "tokens", "tcp://a:1"), 1, "does not listen at that edge");
    assert_conductor_refuses(place_of(ROLE_IMAGE, 0, "images", "tcp://a:1"), 2, "it was announced before");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_MEETING(stages_find_each_other_by_control_alone),
        IN_MEETING(without_a_conductor_who_is_missing_is_named),
        IN_MEETING(what_contradicts_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
