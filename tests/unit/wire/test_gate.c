// Strangers at the gate: what they say comes through whole, who says nothing or never reads costs nobody anything, and
// the process outlives all of them with few descriptors.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "peers.h"
#include "wire/flow.h"

// ---- frames

static bool walk(struct zmtp *zmtp, const char *bytes, size_t size) {
    return zmtp_walk(zmtp, bytes, size);
}

static void messages_are_told_from_commands(void **state) {
    (void)state;
    struct zmtp zmtp = {.skip = ZMTP_GREETING};
    char greeting[ZMTP_GREETING] = {0};
    assert_false(walk(&zmtp, greeting, 10) || walk(&zmtp, greeting, sizeof greeting - 10));
    assert_false(walk(&zmtp, "\4\5ready", 7));                         // a command
    assert_true(walk(&zmtp, "\0\3abc\4\1c", 8));                       // a message, a command
    assert_true(walk(&zmtp, "\2\0\0\0\0\0\0\0\4wxyz", 13));            // a long one
    assert_false(walk(&zmtp, "\6\0\0\0\0\0\0\0\2cc", 11));             // a long command
    assert_false(walk(&zmtp, "\3\0\0\0", 4));                          // a header in pieces ...
    assert_true(walk(&zmtp, "\0\0\0\0\1x", 6));                        // ... comes whole here
    assert_true(walk(&zmtp, "\2\xff\xff\xff\xff\xff\xff\xff\xff", 9)); // a length beyond everything
    assert_false(walk(&zmtp, "\0\3abc\0\3abc", 10));                   // is all inside
}

// ---- flows

static char block[FLOW_BLOCK];

// The bytes are the numbers of their words, from `from` on.
static void number(char *bytes, int64_t from) {
    for (int i = 0; i < FLOW_BLOCK / 4; i++) memcpy(bytes + 4 * i, &(uint32_t){(uint32_t)(from / 4 + i)}, 4);
}

static int64_t send_until_stuck(struct flow *flow, int source) {
    int64_t sent = 0;
    while (!flow_is_stuck(flow)) {
        number(block, sent);
        assert_int_equal(send(source, block, FLOW_BLOCK, 0), FLOW_BLOCK);
        sent += FLOW_BLOCK;
        assert_true(flow_move(flow, block));
    }
    assert_true(flow->size <= FLOW_BLOCK);
    return sent;
}

// All of them, as the other end takes and the flow moves on.
static void take_all(struct flow *flow, int target, char *bytes, int64_t size) {
    for (int64_t taken = 0, turns = 0; taken < size && turns < 1000000; turns++) {
        ssize_t count = recv(target, bytes + taken, (size_t)(size - taken), MSG_DONTWAIT);
        if (count > 0) taken += count;
        flow_move(flow, block);
    }
}

static void what_is_not_taken_is_kept_and_stops_reading(void **state) {
    (void)state;
    int source[2], target[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, source) | socketpair(AF_UNIX, SOCK_STREAM, 0, target), 0);
    struct flow flow = {.from = source[1], .to = target[0]};
    const int64_t sent = send_until_stuck(&flow, source[0]);
    shutdown(source[0], SHUT_WR);
    char *bytes = xcalloc((size_t)sent, 1);
    take_all(&flow, target[1], bytes, sent);
    for (int64_t at = 0; at < sent; at += FLOW_BLOCK) {
        number(block, at);
        assert_memory_equal(bytes + at, block, FLOW_BLOCK);
    }
    free(bytes);
    assert_int_equal(flow.moved, sent);
    assert_false(flow_is_stuck(&flow) || flow_move(&flow, block)); // it is over
    for (int i = 0; i < 2; i++) assert_int_equal(close(source[i]) | close(target[i]), 0);
}

// ---- the gate

enum { DESCRIPTORS = 64, STRANGERS = 150 };
#define ADDRESS "ipc://gate"

// A server with few descriptors: sends back what it gets, until it gets "end".
static int serve(void *argument) {
    const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
    struct hub *hub = hub_of("server");
    struct hub_clients clients;
    zmq_msg_t frame;
    (void)argument;
    if (setrlimit(RLIMIT_NOFILE, &few) || hub_clients_open(hub, &clients, "clients", ADDRESS, 1 << 20)) return 1;
    for (bool over = false; !over;) {
        int more = 0;
        zmq_msg_init(&frame);
        zmq_msg_recv(&frame, clients.socket, 0);
        more = zmq_msg_more(&frame);
        over = !more && zmq_msg_size(&frame) == 3 && memcmp(zmq_msg_data(&frame), "end", 3) == 0;
        zmq_msg_send(&frame, clients.socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    }
    hub_clients_close(&clients);
    hub_close(&hub);
    return 0;
}

static void *client_of(void *context) {
    const int linger = 0, timeout = 8000;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(zmq_connect(socket, ADDRESS), 0);
    return socket;
}

static void ask(void *context, const char *what, size_t size) {
    void *socket = client_of(context);
    char *answer = xmalloc(size);
    assert_int_equal(zmq_send(socket, what, size, 0), (int)size);
    assert_int_equal(zmq_recv(socket, answer, size, 0), (int)size);
    assert_memory_equal(answer, what, size);
    free(answer);
    zmq_close(socket);
}

static int connect_silent(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "gate"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void strangers_cost_nobody_an_answer(void **state) {
    (void)state;
    static char large[300000];
    const pid_t server = start(serve, NULL);
    void *context = zmq_ctx_new(), *idle[STRANGERS];
    int silent[STRANGERS];
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 7);
    ask(context, "first", 5);
    for (int i = 0; i < STRANGERS; i++) silent[i] = connect_silent();
    ask(context, large, sizeof large);
    for (int i = 0; i < STRANGERS; i++) idle[i] = client_of(context);
    ask(context, large, sizeof large);
    for (int i = 0; i < STRANGERS; i++) close(silent[i]);
    for (int i = 0; i < STRANGERS; i++) zmq_close(idle[i]);
    ask(context, "end", 3); // answered before it leaves
    assert_int_equal(finish(server), 0);
    zmq_ctx_term(context);
    assert_false(file_exists("gate"));
}

// Every one of them asks, none reads: what they are owed is bounded, and others are answered.
static void who_never_reads_holds_nobody_up(void **state) {
    (void)state;
    const pid_t server = start(serve, NULL); // before there are threads
    void *context = zmq_ctx_new(), *deaf = client_of(context);
    const int one = 1, none = 0;
    zmq_setsockopt(deaf, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(deaf, ZMQ_SNDTIMEO, &none, sizeof none);
    ask(context, "first", 5);
    for (int i = 0; i < 2000; i++) zmq_send(deaf, block, sizeof block - 1, 0);
    for (int i = 0; i < 20; i++) ask(context, "next", 4);
    zmq_close(deaf);
    ask(context, "end", 3);
    assert_int_equal(finish(server), 0);
    zmq_ctx_term(context);
}

static int open_with_few(void *argument) {
    const struct rlimit few = {20, 20};
    struct hub *hub = hub_of("server");
    struct hub_clients clients;
    (void)argument;
    if (setrlimit(RLIMIT_NOFILE, &few)) return 99;
    int status = hub_clients_open(hub, &clients, "clients", ADDRESS, 1 << 20);
    hub_clients_close(&clients);
    hub_abandon(&hub);
    return status;
}

static void too_few_descriptors_are_said(void **state) {
    (void)state;
    assert_int_equal(finish(start(open_with_few, NULL)), EXIT_RUN);
    assert_false(file_exists("gate"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_from_commands),
        cmocka_unit_test(what_is_not_taken_is_kept_and_stops_reading),
        cmocka_unit_test_setup_teardown(strangers_cost_nobody_an_answer, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(too_few_descriptors_are_said, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(who_never_reads_holds_nobody_up, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
