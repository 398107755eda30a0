// Stateful edges: both orders of start, loss noticed at either end, silence that is no loss, and nonsense.
#include "peers.h"

#define ADDRESS "ipc://features"
#define TEXT ((struct address){"text-decode", 0})
#define IMAGE ((struct address){"image-encode", 0})

static int send_value(struct edge *edge, struct address to, struct unit unit) {
    struct message *message = data_of(unit, getpid());
    return edge_send(edge, to, &message);
}

// --- text-decode's side, which connects

enum ending { END_WELL, END_KILLED, END_FAILED };
struct connector {
    double late, mute; // seconds before it connects; without a look at its sockets
    int64_t steps;
    enum ending ending;
    double peer_timeout;
};

// Echoes d_features for each features message.
static int echo(struct hub *hub, struct edge *edge, const struct connector *connector) {
    struct message *message;
    int status = hub_meet(hub);
    usleep((useconds_t)(connector->mute * 1e6));
    for (int64_t s = 0; s < connector->steps && status == 0; s++) {
        status = edge_take(edge, wanted_data(IMAGE, s, 0), &message);
        if (status == 0) status = send_value(edge, ANYBODY, message->unit);
        message_free(&message);
    }
    if (status == 0 && connector->ending == END_KILLED) {
        usleep(200000); // what was sent is out
        raise(SIGKILL);
    }
    return status == 0 && connector->ending == END_FAILED ? -EXIT_DATA : status;
}

static int connect_and_echo(void *argument) {
    const struct connector *connector = argument;
    struct hub_config config = config_of("text-decode");
    struct edge *edge;
    if (connector->peer_timeout) config.peer_timeout = connector->peer_timeout;
    usleep((useconds_t)(connector->late * 1e6));
    struct hub *hub = hub_new(&config);
    int status = open_edge(hub, &edge, "features", ADDRESS, EDGE_CONNECT, NULL);
    if (status == 0) status = echo(hub, edge, connector);
    if (status < 0) {
        hub_abandon(&hub);
        return status;
    }
    return hub_close(&hub);
}

static pid_t start_connector(struct connector connector) {
    return start(connect_and_echo, &connector);
}

// --- image-encode's side, which binds

static struct hub *hub;
static struct edge *edge;

static void bind_edge(double peer_timeout) {
    struct hub_config config = config_of("image-encode");
    config.peer_timeout = peer_timeout;
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "features", ADDRESS, EDGE_BIND, "text-decode"), 0);
}

static int exchange(int64_t step) {
    struct message *message;
    int status = send_value(edge, TEXT, unit_of(step, 0));
    if (status == 0) status = edge_take(edge, wanted_data(TEXT, step, 0), &message);
    if (status == 0) assert_int_equal(value_of(message)[0], step);
    if (status == 0) message_free(&message);
    return status;
}

static void exchange_all(int64_t steps) {
    assert_int_equal(hub_meet(hub), 0);
    for (int64_t s = 0; s < steps; s++) assert_int_equal(exchange(s), 0);
}

// --- Tests

static void test_connector_first(void **state) {
    (void)state;
    pid_t text = start_connector((struct connector){.steps = 20});
    usleep(300000);
    bind_edge(10);
    exchange_all(20);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(text), 0);
}

static void test_binder_first(void **state) {
    (void)state;
    pid_t text = start_connector((struct connector){.late = 0.3, .steps = 20});
    bind_edge(10);
    exchange_all(20);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(text), 0);
}

static void test_end_is_no_loss(void **state) {
    (void)state;
    struct message *message;
    pid_t text = start_connector((struct connector){.steps = 3});
    bind_edge(10);
    exchange_all(3);
    assert_int_equal(finish(text), 0);
    usleep(200000);
    assert_int_equal(edge_take(edge, wanted_data(TEXT, 3, 0), &message), HUB_END);
    assert_int_equal(edge_take(edge, wanted_data(ANYBODY, -1, -1), &message), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_last_words_arrive(void **state) {
    (void)state;
    struct message *message;
    pid_t text = start_connector((struct connector){.steps = 2});
    bind_edge(10);
    assert_int_equal(hub_meet(hub), 0);
    for (int s = 0; s < 2; s++) assert_int_equal(send_value(edge, TEXT, unit_of(s, 0)), 0);
    assert_int_equal(finish(text), 0); // it answered, ended and left before anything was received here
    for (int s = 0; s < 2; s++) {
        assert_int_equal(edge_take(edge, wanted_data(TEXT, s, 0), &message), 0);
        message_free(&message);
    }
    assert_int_equal(edge_take(edge, wanted_data(TEXT, 2, 0), &message), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static int bind_say_end(void *argument) {
    (void)argument;
    bind_edge(10);
    int status = hub_meet(hub);
    if (status == 0) status = send_value(edge, TEXT, unit_of(0, 0));
    return status ? status : hub_close(&hub);
}

static void test_last_words_arrive_at_the_connector(void **state) {
    (void)state;
    struct message *message;
    pid_t image = start(bind_say_end, NULL);
    hub = hub_of("text-decode");
    assert_int_equal(open_edge(hub, &edge, "features", ADDRESS, EDGE_CONNECT, NULL), 0);
    assert_int_equal(hub_meet(hub), 0);
    assert_int_equal(finish(image), 0);
    assert_int_equal(edge_take(edge, wanted_data(ANYBODY, 0, 0), &message), 0);
    message_free(&message);
    assert_int_equal(edge_take(edge, wanted_data(ANYBODY, 1, 0), &message), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static int connect_and_leave(void *argument) {
    const struct connector connector = {.steps = 1};
    (void)argument;
    int status = connect_and_echo((void *)&connector);
    return status ? status : file_write("left", "", 0);
}

// The end of who closes first finds somebody, and so does the other one's.
static void test_who_closes_waits_for_the_others_end(void **state) {
    (void)state;
    struct message *message;
    pid_t text = start(connect_and_leave, NULL);
    bind_edge(10);
    exchange_all(1);
    assert_int_equal(edge_take(edge, wanted_data(TEXT, 1, 0), &message), HUB_END);
    usleep(300000);
    assert_false(file_exists("left"));
    assert_int_equal(edge_end(edge), 0);
    assert_int_equal(finish(text), 0);
    assert_true(file_exists("left"));
    assert_int_equal(hub_close(&hub), 0);
}

static int bind_and_stay(void *argument) {
    (void)argument;
    bind_edge(10);
    if (hub_meet(hub) == 0) pause();
    return 1;
}

static void test_the_end_of_the_lost_is_not_waited_for(void **state) {
    (void)state;
    pid_t image = start(bind_and_stay, NULL);
    hub = hub_of("text-decode");
    assert_int_equal(open_edge(hub, &edge, "features", ADDRESS, EDGE_CONNECT, NULL), 0);
    assert_int_equal(hub_meet(hub), 0);
    kill(image, SIGKILL);
    assert_int_equal(finish(image), 128 + SIGKILL);
    assert_int_equal(edge_end(edge), 0); // to nobody
    double before = clock_seconds();
    assert_int_equal(hub_close(&hub), 0);
    assert_true(clock_seconds() - before < 1.5);
}

static void test_killed_connector(void **state) {
    (void)state;
    pid_t text = start_connector((struct connector){.steps = 2, .ending = END_KILLED});
    bind_edge(10);
    exchange_all(2);
    double before = clock_seconds();
    struct message *message;
    assert_int_equal(edge_take(edge, wanted_data(TEXT, 2, 0), &message), -EXIT_PEER);
    assert_true(clock_seconds() - before < 3);
    assert_int_equal(edge_take(edge, wanted_data(TEXT, 2, 0), &message), -EXIT_PEER);
    hub_abandon(&hub);
    assert_int_equal(finish(text), 128 + SIGKILL);
}

static void test_failed_connector(void **state) {
    (void)state;
    struct message *message;
    pid_t text = start_connector((struct connector){.steps = 2, .ending = END_FAILED});
    bind_edge(10);
    exchange_all(2);
    assert_int_equal(edge_take(edge, wanted_data(TEXT, 2, 0), &message), -EXIT_PEER);
    hub_abandon(&hub);
    assert_int_equal(finish(text), EXIT_DATA);
}

static int bind_and_die(void *argument) {
    (void)argument;
    bind_edge(10);
    if (hub_meet(hub) || exchange(0)) return 1;
    raise(SIGKILL);
    return 0;
}

static void test_killed_binder(void **state) {
    (void)state;
    pid_t image = start(bind_and_die, NULL), text = start_connector((struct connector){.steps = 2});
    assert_int_equal(finish(image), 128 + SIGKILL);
    assert_int_equal(finish(text), EXIT_PEER);
}

static void test_missing_connector(void **state) {
    (void)state;
    bind_edge(0.4);
    assert_int_equal(hub_meet(hub), -EXIT_PEER);
    hub_abandon(&hub);
}

static void test_missing_binder(void **state) {
    (void)state;
    assert_int_equal(finish(start_connector((struct connector){.peer_timeout = 0.4})), EXIT_PEER);
}

// Longer than the heartbeat's timeout, without a call to the library at either end.
static void test_silence_is_no_loss(void **state) {
    (void)state;
    pid_t text = start_connector((struct connector){.steps = 3, .mute = 4.5});
    bind_edge(0.5);
    assert_int_equal(hub_meet(hub), 0);
    usleep(4500000);
    exchange_all(3);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(text), 0);
}

static void test_unexpected_role(void **state) {
    (void)state;
    pid_t text = start_connector((struct connector){.steps = 1});
    struct hub_config config = config_of("image-encode");
    config.peer_timeout = 1;
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "features", ADDRESS, EDGE_BIND, "loss"), 0);
    assert_int_equal(hub_meet(hub), -EXIT_PEER);
    hub_abandon(&hub);
    assert_int_equal(finish(text), EXIT_USAGE);
}

static void test_second_of_a_role(void **state) {
    (void)state;
    pid_t first = start_connector((struct connector){.steps = 5});
    bind_edge(10);
    assert_int_equal(hub_meet(hub), 0);
    pid_t second = start_connector((struct connector){.steps = 5, .peer_timeout = 1});
    for (int i = 0; i < 40; i++) {
        usleep(10000);
        edge_ready(edge, wanted_data(ANYBODY, 0, 0));
    }
    exchange_all(5);
    assert_int_equal(finish(second), EXIT_USAGE);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(first), 0);
}

static void test_kinds_and_order(void **state) {
    (void)state;
    struct message *message;
    struct raw raw;
    bind_edge(10);
    raw = raw_connect(ADDRESS);
    raw_send(&raw, raw_hello_message("text-decode", "features"));
    assert_int_equal(hub_meet(hub), 0);
    assert_int_equal(raw_receive_kind(&raw), MESSAGE_WELCOME);
    raw_send(&raw, raw_tell("norm", "text-decode", unit_of(1, 0)));
    raw_send(&raw, raw_tell("caption", "text-decode", unit_of(0, 1)));
    raw_send(&raw, raw_tell("caption", "text-decode", unit_of(0, 0)));
    assert_int_equal(edge_take(edge, wanted_word("caption", TEXT, 0, 0), &message), 0);
    message_free(&message);
    assert_true(edge_ready(edge, wanted_word("norm", ANYBODY, -1, -1)));
    assert_false(edge_ready(edge, wanted_word("norm", ANYBODY, 2, -1)));
    assert_int_equal(edge_take(edge, wanted_word("norm", ANYBODY, -1, -1), &message), 0);
    assert_int_equal(message->unit.step, 1);
    message_free(&message);
    raw_send(&raw, raw_message(MESSAGE_END, "text-decode", (struct unit){-1, -1, 0, 0}));
    assert_int_equal(edge_take(edge, wanted_word("caption", ANYBODY, 0, 1), &message), 0); // before the end
    message_free(&message);
    assert_int_equal(edge_take(edge, wanted_word("caption", ANYBODY, 0, 2), &message), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
    raw_close(&raw);
}

// What a greeted stateful peer must not send, each ending the run with 1.
static struct message *from_another(void) {
    return raw_tell("norm", "image-encode", unit_of(0, 0));
}
static struct message *of_another_run(void) {
    struct message *message = raw_tell("norm", "text-decode", unit_of(0, 0));
    strcpy(message->run, "other");
    return message;
}
static struct message *a_request(void) {
    return raw_message(MESSAGE_ASK, "text-decode", unit_of(0, 0));
}

static void nonsense_ends_the_run(struct message *message, bool twice) {
    struct message *taken;
    struct hub_config config = config_of("image-encode");
    config.run = "mine";
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "features", ADDRESS, EDGE_BIND, "text-decode"), 0);
    struct raw raw = raw_connect(ADDRESS);
    raw_send(&raw, raw_hello_message("text-decode", "features"));
    assert_int_equal(hub_meet(hub), 0);
    if (twice) {
        struct message *copy = data_of(message->unit, 0);
        strcpy(copy->from, message->from);
        raw_send(&raw, copy);
    }
    raw_send(&raw, message);
    assert_int_equal(edge_take(edge, wanted_word("done", ANYBODY, 0, 0), &taken), -EXIT_RUN);
    assert_int_equal(hub_counters(hub).malformed, 1);
    hub_abandon(&hub);
    raw_close(&raw);
}

static void test_nonsense_ends_the_run(void **state) {
    (void)state;
    struct message *data = data_of(unit_of(0, 0), 0);
    strcpy(data->from, "text-decode");
    nonsense_ends_the_run(from_another(), false);
    nonsense_ends_the_run(of_another_run(), false);
    nonsense_ends_the_run(a_request(), false);
    nonsense_ends_the_run(data, true);
}

// ---- generations of one run

static void bind_generation(int64_t generation) {
    struct hub_config config = config_of("image-encode");
    config.run = "mine";
    config.generation = generation;
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "features", ADDRESS, EDGE_BIND, "text-decode"), 0);
}

static struct message *of_generation(struct message *message, int64_t generation) {
    strcpy(message->run, "mine");
    message->generation = generation;
    return message;
}

static void test_another_generation_is_refused(void **state) {
    (void)state;
    static const int64_t others[] = {0, 2, 4};
    struct raw other[3], raw = raw_connect(ADDRESS);
    bind_generation(3);
    for (int i = 0; i < 3; i++) {
        other[i] = raw_connect(ADDRESS);
        raw_send(&other[i], of_generation(raw_hello_message("text-decode", "features"), others[i]));
    }
    usleep(100000);
    raw_send(&raw, of_generation(raw_hello_message("text-decode", "features"), 3));
    assert_int_equal(hub_meet(hub), 0);
    assert_int_equal(raw_receive_kind(&raw), MESSAGE_WELCOME);
    for (int i = 0; i < 3; i++) {
        struct message *answer = raw_receive(&other[i]);
        assert_int_equal(answer->kind, MESSAGE_REFUSE);
        assert_int_equal(answer->generation, 3);
        assert_non_null(strstr(message_text(answer, "why"), "of the run, image-encode to 3"));
        message_free(&answer);
        raw_close(&other[i]);
    }
    hub_abandon(&hub);
    raw_close(&raw);
}

static void test_an_older_message_is_dropped_and_counted(void **state) {
    (void)state;
    struct message *message;
    struct raw raw = raw_connect(ADDRESS);
    bind_generation(3);
    raw_send(&raw, of_generation(raw_hello_message("text-decode", "features"), 3));
    assert_int_equal(hub_meet(hub), 0);
    raw_send(&raw, of_generation(raw_tell("norm", "text-decode", unit_of(7, 0)), 2));
    raw_send(&raw, of_generation(raw_tell("norm", "text-decode", unit_of(8, 0)), 3));
    assert_int_equal(edge_take(edge, wanted_word("norm", ANYBODY, -1, -1), &message), 0);
    assert_int_equal(message->unit.step, 8);
    message_free(&message);
    assert_int_equal(hub_counters(hub).stale, 1);
    assert_int_equal(hub_counters(hub).malformed, 0);
    raw_send(&raw, of_generation(raw_tell("norm", "text-decode", unit_of(9, 0)), 4));
    assert_int_equal(edge_take(edge, wanted_word("norm", ANYBODY, -1, -1), &message), -EXIT_RUN);
    hub_abandon(&hub);
    raw_close(&raw);
}

// Who was told of no run (a worker started by hand) takes the run and its generation over, and is heard.
static void test_a_generation_is_taken_over(void **state) {
    (void)state;
    pid_t text = start_connector((struct connector){.steps = 3});
    bind_generation(5);
    exchange_all(3);
    assert_int_equal(hub_counters(hub).stale, 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(text), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_connector_first),
        IN_FOLDER(test_binder_first),
        IN_FOLDER(test_end_is_no_loss),
        IN_FOLDER(test_last_words_arrive),
        IN_FOLDER(test_last_words_arrive_at_the_connector),
        IN_FOLDER(test_who_closes_waits_for_the_others_end),
        IN_FOLDER(test_the_end_of_the_lost_is_not_waited_for),
        IN_FOLDER(test_killed_connector),
        IN_FOLDER(test_failed_connector),
        IN_FOLDER(test_killed_binder),
        IN_FOLDER(test_missing_connector),
        IN_FOLDER(test_missing_binder),
        IN_FOLDER(test_silence_is_no_loss),
        IN_FOLDER(test_unexpected_role),
        IN_FOLDER(test_second_of_a_role),
        IN_FOLDER(test_kinds_and_order),
        IN_FOLDER(test_nonsense_ends_the_run),
        IN_FOLDER(test_another_generation_is_refused),
        IN_FOLDER(test_an_older_message_is_dropped_and_counted),
        IN_FOLDER(test_a_generation_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
