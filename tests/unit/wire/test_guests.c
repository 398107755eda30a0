// Guests of a stateful edge come, ask and go, and the run does not depend on them; and edges that listen at two
// addresses, of which ipc is on one host.
#include "peers.h"

#define ADDRESS "ipc://control"

static struct hub *loss;
static struct edge *control;
static const char *news; // NULL: there are none yet

static struct message *tell(void *context) {
    (void)context;
    if (!news) return NULL;
    struct message *message = message_tell("where", unit_of(0, 0));
    message_set_text(message, "text", news);
    return message;
}

static struct message *answer(void *context, const struct message *asked) {
    (void)context;
    return strcmp(asked->word, "files") ? NULL : message_tell("files", unit_of(0, 0));
}

static void hold(int most) {
    static struct guests guests;
    static const struct peer_group stages = {"image-encode", 1};
    guests = (struct guests){.most = most, .news = tell, .answer = answer};
    const struct edge_options options = {.name = "control",
                                         .address = ADDRESS,
                                         .manner = EDGE_BIND,
                                         .direction = EDGE_BOTH,
                                         .peers = &stages,
                                         .peer_count = 1,
                                         .guests = &guests};
    loss = hub_of("loss");
    news = NULL;
    assert_int_equal(hub_edge(loss, &control, &options), 0);
}

static int visit(const char *role, struct hub **hub, struct edge **edge, enum edge_manner manner) {
    *hub = hub_of(role);
    assert_int_equal(open_edge(*hub, edge, "control", ADDRESS, manner, NULL), 0);
    int status = 0;
    for (int i = 0; i < 500 && !status && !edge_is_met(*edge); i++) {
        assert_int_equal(hub_look(loss), 0);
        status = hub_look(*hub);
        if (status == HUB_NEWS) status = 0;
        usleep(2000);
    }
    return status;
}

static void serve(struct hub *hub) {
    for (int i = 0; i < 30; i++) {
        hub_look(loss);
        hub_look(hub);
        usleep(2000);
    }
}

static bool is_told(struct edge *edge, const char *word, const char *text) {
    struct message *message;
    const struct wanted wanted = wanted_word(word, ANYBODY, -1, -1);
    if (!edge_ready(edge, wanted) || edge_take(edge, wanted, &message)) return false;
    bool told = !text || !strcmp(message_text(message, "text"), text);
    message_free(&message);
    return told;
}

static void guests_are_told_and_answered(void **state) {
    (void)state;
    struct hub *hub, *later;
    struct edge *edge, *late;
    hold(3);
    assert_int_equal(visit("decode", &hub, &edge, EDGE_GUEST), 0);
    struct message *message = message_tell("files", unit_of(0, 0));
    assert_int_equal(edge_send(edge, ANYBODY, &message), 0);
    serve(hub);
    assert_true(is_told(edge, "files", NULL));
    assert_false(edge_ready(edge, wanted_word("where", ANYBODY, -1, -1)));
    news = "one";
    edge_tell_guests(control);                                       // those who are there
    assert_int_equal(visit("decode", &later, &late, EDGE_GUEST), 0); // and who comes, also of the same rank
    serve(hub);
    serve(later);
    assert_true(is_told(edge, "where", "one"));
    assert_true(is_told(late, "where", "one"));
    hub_abandon(&hub); // lost: that is nothing to loss
    serve(later);
    assert_int_equal(hub_look(loss), 0);
    assert_int_equal(visit("decode", &hub, &edge, EDGE_GUEST), 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(edge_end(control), 0);
    serve(later);
    struct message *none;
    assert_int_equal(edge_take(late, wanted_word("where", ANYBODY, -1, -1), &none), HUB_END);
    assert_int_equal(hub_close(&later), 0);
    hub_abandon(&loss);
}

static void so_many_and_no_stage_are_let_in(void **state) {
    (void)state;
    struct hub *hub[3];
    struct edge *edge;
    hold(1);
    assert_int_equal(visit("decode", &hub[0], &edge, EDGE_GUEST), 0);
    listen_in();
    assert_int_equal(visit("decode", &hub[1], &edge, EDGE_GUEST), -EXIT_USAGE);
    assert_non_null(strstr(heard(), "there are 1 guests already"));
    listen_in();
    assert_int_equal(visit("image-encode", &hub[2], &edge, EDGE_GUEST), -EXIT_USAGE);
    assert_non_null(strstr(heard(), "is a stage of the run"));
    for (int i = 0; i < 3; i++) hub_abandon(&hub[i]);
    listen_in();
    assert_int_equal(visit("decode", &hub[0], &edge, EDGE_CONNECT), -EXIT_USAGE); // a stage is no guest
    assert_non_null(strstr(heard(), "does not expect the role decode"));
    hub_abandon(&hub[0]);
    hub_abandon(&loss);
}

static void nonsense_of_a_guest_is_its_own_loss(void **state) {
    (void)state;
    hold(4);
    struct raw raw = raw_connect(ADDRESS);
    struct message *hello = raw_hello_message("decode", "control");
    message_set_int(hello, "guest", 1);
    raw_send(&raw, hello);
    for (int i = 0; i < 50; i++) hub_look(loss), usleep(1000);
    assert_int_equal(raw_receive_kind(&raw), MESSAGE_WELCOME);
    raw_send(&raw, raw_message(MESSAGE_DATA, "decode", unit_of(0, 0)));
    for (int i = 0; i < 50; i++) assert_int_equal(hub_look(loss), 0), usleep(1000);
    assert_int_equal(hub_counters(loss).malformed, 1);
    raw_close(&raw);
    hub_abandon(&loss);
}

// ---- two addresses

static void who_came_by_ipc_is_local(void **state) {
    (void)state;
    struct edge *out, *in[2];
    static const char *const roles[2] = {"text-decode", "head"};
    struct hub *image = hub_of("image-encode"), *reader[2];
    const struct peer_group peers[2] = {{roles[0], 1}, {roles[1], 1}};
    const struct edge_options options = {.name = "features",
                                         .address = "ipc://features",
                                         .manner = EDGE_BIND,
                                         .direction = EDGE_OUT,
                                         .peers = peers,
                                         .peer_count = 2};
    assert_int_equal(hub_edge(image, &out, &options), 0);
    assert_true(edge_is_local(out, ANYBODY)); // as far as is known
    assert_int_equal(edge_listen(out, "tcp://127.0.0.1:*"), 0);
    char *tcp = edge_bound(out);
    assert_int_equal(strncmp(tcp, "tcp://127.0.0.1:", 16), 0);
    assert_true(atoi(tcp + 16) > 0);
    for (int i = 0; i < 2; i++) {
        reader[i] = hub_of(roles[i]);
        assert_int_equal(open_edge(reader[i], &in[i], "features", i ? tcp : "ipc://features", EDGE_CONNECT, NULL), 0);
    }
    for (int i = 0; i < 500 && !(edge_is_met(out) && edge_is_met(in[0]) && edge_is_met(in[1])); i++) {
        hub_look(image);
        for (int k = 0; k < 2; k++) hub_look(reader[k]);
        usleep(2000);
    }
    assert_true(edge_is_local(out, (struct address){roles[0], 0}));
    assert_false(edge_is_local(out, (struct address){roles[1], 0}));
    assert_true(edge_is_local(in[0], ANYBODY));
    assert_false(edge_is_local(in[1], ANYBODY));
    free(tcp);
    for (int k = 0; k < 2; k++) hub_abandon(&reader[k]);
    hub_abandon(&image);
}

static void the_way_out_has_an_address(void **state) {
    (void)state;
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse(&endpoint, "control", "tcp://127.0.0.1:7000"), 0);
    char *own = endpoint_own_address(&endpoint);
    assert_string_equal(own, "tcp://127.0.0.1:*");
    assert_int_equal(endpoint_parse_listener(&endpoint, "control", own), 0);
    assert_true(endpoint.loopback);
    assert_int_equal(endpoint_parse(&endpoint, "control", own), -EXIT_USAGE); // nobody connects to any port
    free(own);
    assert_int_equal(endpoint_parse(&endpoint, "control", "tcp://nobody.invalid:7000"), 0);
    assert_null(endpoint_own_address(&endpoint));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(guests_are_told_and_answered),        IN_FOLDER(so_many_and_no_stage_are_let_in),
        IN_FOLDER(nonsense_of_a_guest_is_its_own_loss), IN_FOLDER(who_came_by_ipc_is_local),
        IN_FOLDER(the_way_out_has_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
