// Nonsense on a pulled edge: dropped before hello; after it the connection is ignored and another worker asked.
#include "peers.h"

#define ADDRESS "ipc://images"

static struct hub *hub;
static struct edge *edge;
static struct raw raw;

static void consume(void) {
    hub = hub_of("image-encode");
    assert_int_equal(open_edge(hub, &edge, "images", ADDRESS, EDGE_PULL, NULL), 0);
}

// A worker that comes once the file "go" is there.
static int answer_all(void *argument) {
    struct unit unit;
    int status;
    (void)argument;
    while (!file_exists("go")) usleep(5000);
    struct hub *worker = hub_of("decode");
    struct edge *out;
    if (open_edge(worker, &out, "images", ADDRESS, EDGE_SERVE, NULL)) return 1;
    while ((status = edge_next_ask(out, &unit)) == 0) {
        struct message *message = data_of(unit, getpid());
        edge_send(out, ANYBODY, &message);
    }
    return status == HUB_END ? hub_close(&worker) : status;
}

static void let_go(void) {
    assert_int_equal(file_write("go", "", 0), 0);
}

static void take_from(pid_t who) {
    struct message *message;
    let_go();
    assert_int_equal(edge_take(edge, wanted_data(ANYBODY, 0, 0), &message), 0);
    assert_int_equal(value_of(message)[2], who);
    message_free(&message);
}

// Serves the consumer, at most five seconds, until it has counted so many malformed messages.
static void serve_until(int64_t malformed) {
    for (int i = 0; i < 2500 && hub_counters(hub).malformed < malformed; i++) {
        edge_ready(edge, wanted_data(ANYBODY, 0, 0));
        usleep(2000);
    }
    assert_int_equal(hub_counters(hub).malformed, malformed);
}

static void send_bytes(const void *bytes, size_t size, bool more) {
    zmq_send(raw.socket, bytes, size, more ? ZMQ_SNDMORE : 0);
}

static void test_before_hello(void **state) {
    (void)state;
    pid_t worker = start(answer_all, NULL);
    consume();
    edge_want(edge, ANYBODY, unit_of(0, 0));
    raw = raw_connect(ADDRESS);
    send_bytes("rubbish", 7, false);
    send_bytes("", 0, false);
    send_bytes("\x80", 1, false);
    for (int i = 0; i < 40; i++) send_bytes("", 0, i < 39);
    raw_send(&raw, raw_message(MESSAGE_DATA, "decode", unit_of(0, 0)));
    raw_send(&raw, raw_message(MESSAGE_END, "decode", unit_of(0, 0)));
    struct message *hello = raw_hello_message("decode", "images"); // with a tensor that does not follow
    message_add(hello, "x", DT_U8, SHAPE(3));
    hello->tensor_count = 1;
    struct buffer header = {0};
    message_encode_header(hello, &header);
    send_bytes(header.bytes, header.size, false);
    message_free(&hello);
    buffer_release(&header);
    serve_until(7);
    take_from(worker); // none of it became a worker or an answer
    assert_int_equal(hub_close(&hub), 0);
    raw_close(&raw);
    assert_int_equal(finish(worker), 0);
}

// Each kind of wrong answer, sent by a worker that was asked.
enum wrong { FRAME_MISSING, FRAME_TOO_MANY, FRAME_SHORT, FRAME_LONG, HEADER_CUT, SENDER_FORGED, KIND_FORGED, WRONGS };

static void send_wrong(enum wrong wrong, struct unit unit) {
    struct message *message = data_of(unit, 0);
    struct buffer header = {0};
    char bytes[32] = {0};
    strcpy(message->from, wrong == SENDER_FORGED ? "tokenize" : "decode");
    if (wrong == KIND_FORGED) message->kind = MESSAGE_ASK;
    message_encode_header(message, &header);
    send_bytes(header.bytes, header.size - (wrong == HEADER_CUT), wrong != FRAME_MISSING);
    if (wrong == FRAME_TOO_MANY) send_bytes(bytes, 24, true);
    if (wrong != FRAME_MISSING) send_bytes(bytes, wrong == FRAME_SHORT ? 23 : wrong == FRAME_LONG ? 25 : 24, false);
    buffer_release(&header);
    message_free(&message);
}

static int answer_wrong(void *argument) {
    raw = raw_connect(ADDRESS);
    raw_send(&raw, raw_hello_message("decode", "images"));
    if (raw_receive_kind(&raw) != MESSAGE_WELCOME) return 1;
    struct message *ask = raw_receive(&raw);
    if (!ask || ask->kind != MESSAGE_ASK) return 2;
    send_wrong(*(const enum wrong *)argument, ask->unit);
    raw_send(&raw, raw_message(MESSAGE_END, "decode", ask->unit)); // ignored: it is trusted no more
    message_free(&ask);
    while (raw_receive_kind(&raw) == MESSAGE_ASK) continue;
    raw_close(&raw);
    return 0;
}

static void another_is_asked(enum wrong wrong) {
    pid_t bad = start(answer_wrong, &wrong), good = start(answer_all, NULL);
    consume();
    edge_want(edge, ANYBODY, unit_of(0, 0));
    serve_until(1);
    take_from(good);
    assert_int_equal(hub_counters(hub).malformed, 1);
    assert_int_equal(hub_counters(hub).repeated_requests, 1);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(good), 0);
    kill(bad, SIGKILL);
    finish(bad);
    unlink("go");
}

static void test_wrong_answers(void **state) {
    (void)state;
    for (enum wrong wrong = 0; wrong < WRONGS; wrong++) another_is_asked(wrong);
}

static void test_frame_above_the_limit(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    config.message_limit = 65536;
    pid_t worker = start(answer_all, NULL);
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "images", ADDRESS, EDGE_PULL, NULL), 0);
    edge_want(edge, ANYBODY, unit_of(0, 0));
    raw = raw_connect(ADDRESS);
    raw_send(&raw, raw_hello_message("decode", "images"));
    for (int i = 0; i < 2500 && hub_counters(hub).messages_out == 0; i++) {
        edge_ready(edge, wanted_data(ANYBODY, 0, 0));
        usleep(2000);
    }
    assert_int_equal(raw_receive_kind(&raw), MESSAGE_WELCOME);
    struct message *large = raw_message(MESSAGE_DATA, "decode", unit_of(0, 0));
    memset(message_add(large, "value", DT_U8, SHAPE(100000)), 0, 100000);
    raw_send(&raw, large); // libzmq drops the connection
    take_from(worker);
    assert_int_equal(hub_close(&hub), 0);
    int none = 0;
    zmq_setsockopt(raw.socket, ZMQ_LINGER, &none, sizeof none);
    raw_close(&raw);
    assert_int_equal(finish(worker), 0);
}

static void test_worker_is_asked_nonsense(void **state) {
    (void)state;
    int linger = 0;
    let_go();
    pid_t worker = start(answer_all, NULL);
    void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER);
    char id[256], header[65536];
    zmq_setsockopt(router, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_bind(router, ADDRESS), 0);
    int size = zmq_recv(router, id, sizeof id, 0);
    assert_true(size > 0);
    assert_true(zmq_recv(router, header, sizeof header, 0) > 0);
    struct message *welcome = raw_message(MESSAGE_WELCOME, "image-encode", (struct unit){0});
    struct buffer bytes = {0};
    message_encode_header(welcome, &bytes);
    message_free(&welcome);
    zmq_send(router, id, (size_t)size, ZMQ_SNDMORE);
    zmq_send(router, bytes.bytes, bytes.size, 0);
    zmq_send(router, id, (size_t)size, ZMQ_SNDMORE);
    zmq_send(router, "rubbish", 7, 0);
    assert_int_equal(finish(worker), EXIT_RUN);
    buffer_release(&bytes);
    zmq_close(router);
    zmq_ctx_term(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_before_hello),
        IN_FOLDER(test_wrong_answers),
        IN_FOLDER(test_frame_above_the_limit),
        IN_FOLDER(test_worker_is_asked_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
