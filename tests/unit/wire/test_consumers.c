// One worker of several consumers, the ranks of a stage: each asks at an address of its own, is answered there, and
// ends or is lost by itself.
#include "peers.h"

enum { CONSUMERS = 2 };
static const char *const address[CONSUMERS] = {"ipc://images.0", "ipc://images.1"};

// ---- the consumers

static struct hub *hub[CONSUMERS];
static struct edge *edge[CONSUMERS];

static void consume(int place, int rank) {
    struct hub_config config = config_of("image-encode");
    config.rank = rank;
    hub[place] = hub_new(&config);
    assert_int_equal(open_edge(hub[place], &edge[place], "images", address[place], EDGE_PULL, NULL), 0);
}

static void want(int place, int32_t microbatch) {
    edge_want(edge[place], ANYBODY, unit_of(0, microbatch));
}

static void take(int place, int32_t microbatch) {
    struct message *message;
    assert_int_equal(edge_take(edge[place], wanted_data(ANYBODY, 0, microbatch), &message), 0);
    assert_int_equal(value_of(message)[1], microbatch);
    message_free(&message);
}

static void end(int place) {
    assert_int_equal(hub_close(&hub[place]), 0);
}

// ---- the worker

static int connect_all(struct hub *worker, struct edge **out) {
    int status = open_edge(worker, out, "images", address[0], EDGE_SERVE, NULL);
    return status ? status : edge_connect(*out, address[1]);
}

static int work(void *argument) {
    struct hub *worker = hub_of("decode");
    struct edge *out;
    struct unit unit;
    (void)argument;
    int status = connect_all(worker, &out);
    while (!status && !(status = edge_next_ask(out, &unit))) {
        struct message *message = data_of(unit, 0);
        status = edge_send(out, edge_asker(out), &message);
    }
    if (status < 0) {
        hub_abandon(&worker);
        return status;
    }
    return hub_close(&worker);
}

// ---- tests

static void each_is_answered_at_its_own_address(void **state) {
    (void)state;
    pid_t worker = start(work, NULL);
    for (int i = 0; i < CONSUMERS; i++) consume(i, i);
    for (int i = 0; i < CONSUMERS; i++)
        for (int m = 0; m < 6; m++) want(i, 6 * i + m);
    for (int m = 0; m < 6; m++)
        for (int i = 0; i < CONSUMERS; i++) take(i, 6 * i + m);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(hub_counters(hub[i]).messages_in, 1 + 6); // hello, and its own units
        end(i);
    }
    assert_int_equal(finish(worker), 0);
}

static void one_that_ends_leaves_the_other(void **state) {
    (void)state;
    pid_t worker = start(work, NULL);
    for (int i = 0; i < CONSUMERS; i++) consume(i, i);
    want(0, 0);
    take(0, 0);
    end(0);
    for (int m = 0; m < 4; m++) want(1, m);
    for (int m = 0; m < 4; m++) take(1, m);
    end(1);
    assert_int_equal(finish(worker), 0);
}

static void one_may_come_late(void **state) {
    (void)state;
    pid_t worker = start(work, NULL);
    consume(1, 1);
    want(1, 0);
    take(1, 0);
    consume(0, 0);
    want(0, 7);
    take(0, 7);
    for (int i = 0; i < CONSUMERS; i++) end(i);
    assert_int_equal(finish(worker), 0);
}

// Rank 0 asks, is told that it may go, and dies.
static int ask_and_die(void *argument) {
    struct message *message;
    const int *told = argument;
    char byte;
    struct hub *consumer = hub_of("image-encode");
    struct edge *in;
    if (open_edge(consumer, &in, "images", address[0], EDGE_PULL, NULL)) return 1;
    for (int m = 0; m < 2; m++) edge_want(in, ANYBODY, unit_of(0, m));
    if (edge_take(in, wanted_data(ANYBODY, 0, 0), &message)) return 1;
    if (read(told[0], &byte, 1) != 1) return 1;
    return raise(SIGKILL);
}

// What the lost one asked is forgotten; the other one's requests are not, and who takes the place is greeted.
static void one_that_is_lost_may_come_back(void **state) {
    (void)state;
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t worker = start(work, NULL), rank_0 = start(ask_and_die, told);
    consume(1, 1);
    for (int m = 0; m < 4; m++) want(1, m);
    take(1, 0);
    assert_int_equal(write(told[1], "x", 1), 1);
    assert_int_equal(finish(rank_0), 128 + SIGKILL);
    for (int m = 1; m < 4; m++) take(1, m);
    consume(0, 0);
    want(0, 9);
    take(0, 9);
    for (int i = 0; i < CONSUMERS; i++) end(i);
    assert_int_equal(finish(worker), 0);
    close(told[0]);
    close(told[1]);
}

// Answers go by rank, so that two of one rank could not be told apart.
static void two_of_one_rank_are_refused(void **state) {
    (void)state;
    struct unit unit;
    struct edge *out;
    struct hub *worker = hub_of("decode");
    for (int i = 0; i < CONSUMERS; i++) consume(i, 3);
    assert_int_equal(connect_all(worker, &out), 0);
    int status = 0;
    for (int i = 0; i < 100 && !status; i++) {
        for (int k = 0; k < CONSUMERS; k++) hub_look(hub[k]);
        if (edge_ready(out, wanted_ask())) status = edge_next_ask(out, &unit);
        usleep(10000);
    }
    assert_int_equal(status, -EXIT_USAGE);
    hub_abandon(&worker);
    for (int i = 0; i < CONSUMERS; i++) end(i);
}

static void attend_both(void) {
    for (int i = 0; i < CONSUMERS; i++) assert_int_equal(hub_look(hub[i]), 0);
    usleep(2000);
}

// In order of arrival, whoever asked; an answer for who has ended is dropped.
static void requests_say_who_asked(void **state) {
    (void)state;
    struct unit unit;
    struct edge *out;
    struct hub *worker = hub_of("decode");
    for (int i = 0; i < CONSUMERS; i++) consume(i, i);
    assert_int_equal(connect_all(worker, &out), 0);
    assert_null(edge_asker(out).role);
    edge_opens_shared(edge[1], "cpu");
    for (int i = CONSUMERS; i-- > 0;) {
        want(i, i);
        while (!edge_ready(out, wanted_ask())) attend_both();
        assert_int_equal(edge_next_ask(out, &unit), 0);
        assert_int_equal(unit.microbatch, i);
        assert_string_equal(edge_asker(out).role, "image-encode");
        assert_int_equal(edge_asker(out).rank, i);
        assert_string_equal(edge_consumer_shares(out), i ? "cpu" : "");
        if (i == 0) end(0);
        struct message *message = data_of(unit, 0);
        assert_int_equal(edge_send(out, edge_asker(out), &message), 0);
    }
    take(1, 1);
    end(1);
    assert_int_equal(edge_next_ask(out, &unit), HUB_END);
    assert_int_equal(hub_close(&worker), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_is_answered_at_its_own_address),
        IN_FOLDER(one_that_ends_leaves_the_other),
        IN_FOLDER(one_may_come_late),
        IN_FOLDER(one_that_is_lost_may_come_back),
        IN_FOLDER(two_of_one_rank_are_refused),
        IN_FOLDER(requests_say_who_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
