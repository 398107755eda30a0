// Pulled edges: workers that come late, die, answer twice, end, or talk nonsense; consumers that refuse or vanish.
#include "peers.h"

#define ADDRESS "ipc://images"

// --- Workers

struct worker {
    double late;         // seconds before it connects
    int answers;         // then it kills itself; 0: never
    int64_t steps;       // units of this step and beyond lie beyond the data; 0: none do
    const char *edge;    // its name; NULL: "images"
    const char *role;    // NULL: "decode"
    double peer_timeout; // 0: the usual
    uint64_t fingerprint;
    const char *run;
    double slow; // seconds for a unit
};

static int answer(struct edge *edge, const struct worker *worker, struct unit unit) {
    struct message *message =
        worker->steps && unit.step >= worker->steps ? message_new(MESSAGE_END, unit) : data_of(unit, getpid());
    usleep((useconds_t)(worker->slow * 1e6));
    return edge_send(edge, ANYBODY, &message);
}

static int serve(struct edge *edge, const struct worker *worker) {
    struct unit unit;
    for (int answered = 0;; answered++) {
        if (worker->answers && answered == worker->answers) raise(SIGKILL);
        int status = edge_next_ask(edge, &unit);
        if (status) return status;
        status = answer(edge, worker, unit);
        if (status) return status;
    }
}

static int work(void *argument) {
    const struct worker *worker = argument;
    struct hub_config config = config_of(worker->role ? worker->role : "decode");
    struct edge *edge;
    if (worker->peer_timeout) config.peer_timeout = worker->peer_timeout;
    if (worker->run) config.run = worker->run;
    config.fingerprint = worker->fingerprint;
    usleep((useconds_t)(worker->late * 1e6));
    struct hub *hub = hub_new(&config);
    int status = open_edge(hub, &edge, worker->edge ? worker->edge : "images", ADDRESS, EDGE_SERVE, NULL);
    if (status == 0) status = serve(edge, worker);
    if (status < 0) {
        hub_abandon(&hub);
        return status;
    }
    return hub_close(&hub);
}

static pid_t start_worker(struct worker worker) {
    return start(work, &worker);
}

// --- The consumer

static struct hub *hub;
static struct edge *edge;

static void consume_with(struct hub_config config) {
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "images", ADDRESS, EDGE_PULL, NULL), 0);
}

static void want(int64_t steps, int32_t microbatches) {
    for (int64_t s = 0; s < steps; s++)
        for (int32_t m = 0; m < microbatches; m++) edge_want(edge, ANYBODY, unit_of(s, m));
}

static int take(int64_t step, int32_t microbatch, struct message **message) {
    return edge_take(edge, wanted_data(ANYBODY, step, microbatch), message);
}

// Takes the unit and returns who made it.
static pid_t take_ok(int64_t step, int32_t microbatch) {
    struct message *message;
    assert_int_equal(take(step, microbatch, &message), 0);
    const int64_t *value = value_of(message);
    assert_int_equal(value[0], step);
    assert_int_equal(value[1], microbatch);
    assert_int_equal(message->unit.first, step * 100 + microbatch * 10);
    assert_int_equal(message->unit.samples, 2);
    pid_t who = (pid_t)value[2];
    message_free(&message);
    return who;
}

static void take_all(int64_t steps, int32_t microbatches) {
    for (int64_t s = 0; s < steps; s++)
        for (int32_t m = 0; m < microbatches; m++) take_ok(s, m);
}

// --- Tests

static void test_one_worker(void **state) {
    (void)state;
    pid_t worker = start_worker((struct worker){0});
    consume_with(config_of("image-encode"));
    want(5, 4);
    take_all(5, 4);
    assert_int_equal(hub_counters(hub).malformed, 0);
    assert_int_equal(hub_counters(hub).repeated_requests, 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(worker), 0);
}

static void test_workers_share(void **state) {
    (void)state;
    pid_t slow[2] = {start_worker((struct worker){.slow = 0.01}), start_worker((struct worker){.slow = 0.01})};
    int made[2] = {0};
    consume_with(config_of("image-encode"));
    want(1, 60);
    for (int m = 0; m < 60; m++) {
        pid_t who = take_ok(0, m);
        for (int i = 0; i < 2; i++) made[i] += who == slow[i];
    }
    assert_int_equal(made[0] + made[1], 60);
    assert_in_range(made[0], 10, 50);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(slow[0]) + finish(slow[1]), 0);
}

static void test_late_worker(void **state) {
    (void)state;
    pid_t worker = start_worker((struct worker){.late = 0.6});
    consume_with(config_of("image-encode"));
    want(2, 2);
    take_all(2, 2);
    assert_true(hub_counters(hub).waiting > 0.3);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(worker), 0);
}

static void test_dying_worker(void **state) {
    (void)state;
    pid_t dying = start_worker((struct worker){.answers = 3});
    pid_t late = start_worker((struct worker){.late = 0.5});
    consume_with(config_of("image-encode"));
    want(3, 4);
    take_all(3, 4); // each once, although two requests died with the first worker
    assert_true(hub_counters(hub).repeated_requests > 0);
    assert_int_equal(finish(dying), 128 + SIGKILL);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(late), 0);
}

static void test_overdue_request_goes_to_another(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    config.request_timeout = 0.3;
    pid_t stuck = start_worker((struct worker){.slow = 8});
    pid_t helper = start_worker((struct worker){.late = 0.5});
    consume_with(config);
    want(1, 2);
    assert_int_equal(take_ok(0, 0), helper);
    assert_int_equal(take_ok(0, 1), helper);
    kill(stuck, SIGKILL);
    finish(stuck);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(helper), 0);
}

static void test_beyond_the_data(void **state) {
    (void)state;
    pid_t worker = start_worker((struct worker){.steps = 2});
    struct message *message;
    consume_with(config_of("image-encode"));
    want(3, 1);
    take_all(2, 1);
    assert_int_equal(take(2, 0, &message), HUB_END);
    assert_null(message);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(worker), 0);
}

static void test_roles_answer_each(void **state) {
    (void)state;
    static const struct peer_group peers[] = {{"image-encode", 1}, {"text-decode", 1}};
    struct worker image = {.role = peers[0].role}, text = {.role = peers[1].role, .late = 0.3};
    struct worker other = {.role = "decode"};
    pid_t pid[2] = {start_worker(image), start_worker(text)}, refused = start_worker(other);
    struct message *message;
    hub = hub_of("score");
    const struct edge_options options = {"images", ADDRESS, EDGE_PULL, EDGE_IN, 2, peers, 2, NULL};
    assert_int_equal(hub_edge(hub, &edge, &options), 0);
    for (int i = 0; i < 2; i++)
        for (int32_t m = 0; m < 3; m++) edge_want(edge, (struct address){peers[i].role, ANY_RANK}, unit_of(0, m));
    for (int32_t m = 0; m < 3; m++)
        for (int i = 0; i < 2; i++) {
            assert_int_equal(edge_take(edge, wanted_data((struct address){peers[i].role, ANY_RANK}, 0, m), &message),
                             0);
            assert_int_equal(value_of(message)[2], pid[i]);
            assert_string_equal(message->from, peers[i].role);
            message_free(&message);
        }
    assert_int_equal(finish(refused), EXIT_USAGE);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(pid[0]) + finish(pid[1]), 0);
}

static void test_no_worker(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    struct message *message;
    config.peer_timeout = 0.4;
    consume_with(config);
    want(1, 1);
    assert_int_equal(take(0, 0, &message), -EXIT_PEER);
    assert_int_equal(take(0, 0, &message), -EXIT_PEER); // and stays so
    hub_abandon(&hub);
}

static void test_stalled_worker(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    struct message *message;
    config.stall_timeout = 0.5;
    pid_t worker = start_worker((struct worker){.slow = 8});
    consume_with(config);
    want(1, 1);
    assert_int_equal(take(0, 0, &message), -EXIT_PEER);
    hub_abandon(&hub);
    kill(worker, SIGKILL);
    finish(worker);
}

static void test_no_consumer(void **state) {
    (void)state;
    assert_int_equal(finish(start_worker((struct worker){.peer_timeout = 0.4})), EXIT_PEER);
}

static int vanish(void *argument) {
    (void)argument;
    struct message *message;
    consume_with(config_of("image-encode"));
    want(1, 3);
    edge_take(edge, wanted_data(ANYBODY, 0, 0), &message);
    raise(SIGKILL);
    return 0;
}

static void test_consumer_vanishes(void **state) {
    (void)state;
    pid_t consumer = start(vanish, NULL);
    pid_t worker = start_worker((struct worker){.peer_timeout = 0.6});
    assert_int_equal(finish(consumer), 128 + SIGKILL);
    assert_int_equal(finish(worker), EXIT_PEER);
}

static void test_consumer_comes_back(void **state) {
    (void)state;
    pid_t consumer = start(vanish, NULL);
    pid_t worker = start_worker((struct worker){0});
    assert_int_equal(finish(consumer), 128 + SIGKILL);
    consume_with(config_of("image-encode")); // over the socket that the dead one left
    want(2, 2);
    take_all(2, 2);
    assert_int_equal(hub_counters(hub).malformed, 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(worker), 0);
}

static int other_version(void *argument) {
    (void)argument;
    struct raw raw = raw_connect(ADDRESS);
    struct message *hello = raw_hello_message("decode", "images");
    hello->version = WIRE_VERSION + 1;
    raw_send(&raw, hello);
    struct message *answer = raw_receive(&raw);
    int status = answer && answer->kind == MESSAGE_REFUSE && strstr(message_text(answer, "why"), "version") ? 0 : 1;
    message_free(&answer);
    raw_close(&raw);
    return status;
}

static void test_refusals(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    struct message *message;
    config.run = "run-a";
    config.fingerprint = 7;
    pid_t wrong[] = {
        start_worker((struct worker){.edge = "tokens"}),
        start_worker((struct worker){.run = "run-b"}),
        start_worker((struct worker){.fingerprint = 8}),
    };
    pid_t stranger = start(other_version, NULL);
    consume_with(config);
    want(1, 1);
    pid_t right = start_worker((struct worker){.run = "run-a", .fingerprint = 7, .late = 0.4});
    assert_int_equal(take(0, 0, &message), 0);
    assert_int_equal(value_of(message)[2], right);
    assert_string_equal(message->run, "run-a");
    message_free(&message);
    for (int i = 0; i < 3; i++) assert_int_equal(finish(wrong[i]), EXIT_USAGE);
    assert_int_equal(finish(stranger), 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(right), 0);
}

// Greets, is asked, and answers each request twice.
static int answer_twice(void *argument) {
    (void)argument;
    struct raw raw = raw_connect(ADDRESS);
    raw_send(&raw, raw_hello_message("decode", "images"));
    if (raw_receive_kind(&raw) != MESSAGE_WELCOME) return 1;
    for (;;) {
        struct message *ask = raw_receive(&raw);
        if (!ask || ask->kind != MESSAGE_ASK) {
            int status = ask && ask->kind == MESSAGE_END ? 0 : 1;
            message_free(&ask);
            raw_close(&raw);
            return status;
        }
        for (int i = 0; i < 2; i++) {
            struct message *data = data_of(ask->unit, getpid());
            strcpy(data->from, "decode");
            raw_send(&raw, data);
        }
        message_free(&ask);
    }
}

static void test_duplicates_are_dropped(void **state) {
    (void)state;
    pid_t twice = start(answer_twice, NULL);
    consume_with(config_of("image-encode"));
    want(3, 3);
    take_all(3, 3);
    assert_int_equal(hub_counters(hub).malformed, 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(twice), 0);
}

static void test_port_in_use(void **state) {
    (void)state;
    struct edge *second;
    consume_with(config_of("image-encode"));
    struct hub *rival = hub_of("image-encode");
    assert_int_equal(open_edge(rival, &second, "images", ADDRESS, EDGE_PULL, NULL), -EXIT_USAGE);
    hub_abandon(&rival);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(file_write("images", "precious", 8), 0);
    hub = hub_of("image-encode");
    assert_int_equal(open_edge(hub, &second, "images", ADDRESS, EDGE_PULL, NULL), -EXIT_USAGE);
    assert_true(file_exists("images"));
    hub_abandon(&hub);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_one_worker),
        IN_FOLDER(test_workers_share),
        IN_FOLDER(test_late_worker),
        IN_FOLDER(test_dying_worker),
        IN_FOLDER(test_overdue_request_goes_to_another),
        IN_FOLDER(test_beyond_the_data),
        IN_FOLDER(test_roles_answer_each),
        IN_FOLDER(test_no_worker),
        IN_FOLDER(test_stalled_worker),
        IN_FOLDER(test_no_consumer),
        IN_FOLDER(test_consumer_vanishes),
        IN_FOLDER(test_consumer_comes_back),
        IN_FOLDER(test_refusals),
        IN_FOLDER(test_duplicates_are_dropped),
        IN_FOLDER(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
