#include <sys/stat.h>

#include "peers.h"
#include "wire/endpoint.h"

static enum endpoint_kind kind_of(const char *text) {
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse(&endpoint, "images", text), 0);
    return endpoint.kind;
}

static void test_addresses(void **state) {
    (void)state;
    struct endpoint endpoint;
    assert_int_equal(kind_of("ipc://sockets/images"), ENDPOINT_IPC);
    assert_int_equal(kind_of("tcp://10.0.0.1:5555"), ENDPOINT_TCP);
    assert_int_equal(kind_of("-"), ENDPOINT_STREAM);
    assert_int_equal(endpoint_parse(&endpoint, "images", "file:a/b"), 0);
    assert_int_equal(endpoint.kind, ENDPOINT_FILE);
    assert_string_equal(endpoint.address, "a/b");
    assert_true(endpoint_is_recording(&endpoint));
    assert_int_equal(endpoint_parse(&endpoint, "images", "tcp://127.0.0.1:80"), 0);
    assert_false(endpoint_is_recording(&endpoint));
}

static bool is_loopback(const char *text) {
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse(&endpoint, "images", text), 0);
    return endpoint.loopback;
}

// What leaves this host is decided by the address, not by how it is spelled.
static void test_loopback(void **state) {
    (void)state;
    static const char *const own[] = {"tcp://127.0.0.1:80", "tcp://127.8.9.10:80",  "tcp://127.1:80",
                                      "tcp://localhost:80", "tcp://LOCALHOST:80",   "tcp://localhost.:80",
                                      "tcp://[::1]:80",     "tcp://[0:0::0:1]:080", "tcp://[::ffff:127.0.0.1]:80"};
    static const char *const others[] = {
        "tcp://*:80",     "tcp://0.0.0.0:80",         "tcp://[::]:80",     "tcp://[::ffff:10.0.0.1]:80",
        "tcp://[::2]:80", "tcp://127.0.0.1.test.:80", "tcp://10.0.0.1:80", "tcp://localhost.test.:80"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) assert_true(is_loopback(own[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(is_loopback(others[i]));
}

static const char *const wrong[] = {"",
                                    "images",
                                    "ipc://",
                                    "tcp://host",
                                    "tcp://host:",
                                    "tcp://:80",
                                    "tcp://h:0",
                                    "tcp://h:8x",
                                    "file:",
                                    "udp://h:1",
                                    "--",
                                    "tcp://h:*",
                                    "tcp://h:65536",
                                    "tcp://h:+80",
                                    "tcp://::1",
                                    "tcp://::1:80",
                                    "tcp://[::1]",
                                    "tcp://[]:80",
                                    "tcp://[::1:80",
                                    "tcp://[::1]80",
                                    "tcp://[h]:80",
                                    "ipc://@a",
                                    "ipc://*",
                                    "tcp://h/x:80",
                                    "tcp://h: 80",
                                    "tcp://[127.0.0.1]:80",
                                    "tcp://h:4294967376",
                                    "tcp://[::1]:65536",
                                    "tcp://127.0.0.1:0;10.0.0.1:80"};

static void test_refused(void **state) {
    (void)state;
    struct endpoint endpoint;
    char longest[200] = "ipc://";
    memset(longest + 6, 'x', 107);
    assert_int_equal(endpoint_parse(&endpoint, "images", longest), 0);
    longest[6 + 107] = 'x';
    assert_int_equal(endpoint_parse(&endpoint, "images", longest), -EXIT_USAGE);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(endpoint_parse(&endpoint, "images", wrong[i]), -EXIT_USAGE);
}

// Listens at one spelling, connects by another; a message comes through.
static void assert_meet(void *context, const char *listens, const char *connects) {
    struct endpoint server, client;
    char byte = 0;
    void *pull = zmq_socket(context, ZMQ_PULL), *push = zmq_socket(context, ZMQ_PUSH);
    const int timeout = 5000;
    zmq_setsockopt(pull, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(endpoint_parse(&server, "images", listens), 0);
    assert_int_equal(endpoint_parse(&client, "images", connects), 0);
    assert_int_equal(endpoint_listen(&server, "images", pull), 0);
    assert_int_equal(endpoint_connect(&client, "images", push), 0);
    assert_int_equal(zmq_send(push, "x", 1, 0), 1);
    assert_int_equal(zmq_recv(pull, &byte, 1, 0), 1);
    zmq_close(push);
    zmq_close(pull);
}

// Containers often have none.
static bool has_ipv6(void) {
    const struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&own, sizeof own) == 0;
    if (fd >= 0) close(fd);
    return has;
}

static void test_both_ends_meet(void **state) {
    (void)state;
    static const char *const hosts[][2] = {{"localhost", "localhost"}, {"localhost", "127.0.0.1"}, {"[::1]", "[::1]"},
                                           {"[::]", "localhost"},      {"[::]", "[::1]"},          {"*", "*"},
                                           {"0.0.0.0", "0.0.0.0"}};
    void *context = zmq_ctx_new();
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char listens[64], connects[64];
        if (hosts[i][0][0] == '[' && !has_ipv6()) continue;
        const int port = free_port();
        snprintf(listens, sizeof listens, "tcp://%s:%d", hosts[i][0], port);
        snprintf(connects, sizeof connects, "tcp://%s:%d", hosts[i][1], port);
        assert_meet(context, listens, connects);
    }
    zmq_ctx_term(context);
}

static void assert_cannot_listen(void *context, const char *text) {
    struct endpoint endpoint;
    void *socket = zmq_socket(context, ZMQ_PULL);
    assert_int_equal(endpoint_parse(&endpoint, "images", text), 0);
    assert_int_equal(endpoint_listen(&endpoint, "images", socket), -EXIT_USAGE);
    zmq_close(socket);
}

static void test_only_here_can_be_listened_at(void **state) {
    (void)state;
    void *context = zmq_ctx_new();
    assert_cannot_listen(context, "tcp://203.0.113.7:5555");
    assert_cannot_listen(context, "tcp://[2001:db8::7]:5555");
    assert_cannot_listen(context, "tcp://no-such-host.test.:5555");
    assert_cannot_listen(context, "ipc://no-such-folder/socket");
    zmq_ctx_term(context);
}

// Whatever the umask is: who may write to the file may connect.
static void test_an_ipc_socket_is_its_owners(void **state) {
    (void)state;
    struct endpoint endpoint;
    struct stat about;
    char path[64];
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_PULL);
    snprintf(path, sizeof path, "ipc:///tmp/coca-endpoint-%d", (int)getpid());
    const mode_t before = umask(0);
    assert_int_equal(endpoint_parse(&endpoint, "images", path), 0);
    assert_int_equal(endpoint_listen(&endpoint, "images", socket), 0);
    assert_int_equal(umask(before), 0);
    assert_int_equal(stat(path + strlen("ipc://"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    zmq_close(socket);
    zmq_ctx_term(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_both_ends_meet),
        cmocka_unit_test(test_only_here_can_be_listened_at),
        cmocka_unit_test(test_an_ipc_socket_is_its_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
