// CURVE on tcp: a client whose key is in the folder comes in, others do not, and tcp to other hosts asks for keys.
#include <sys/stat.h>

#include "peers.h"
#include "wire/keys.h"

static char address[64];

static int enter_port(void **state) {
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", free_port());
    return enter_folder(state);
}
#define ON_PORT(test) cmocka_unit_test_setup_teardown(test, enter_port, leave_folder)

static int serve_one(void *argument) {
    struct hub_config config = config_of("decode");
    struct edge *edge;
    struct unit unit;
    config.keys = argument;
    config.peer_timeout = 1.5;
    struct hub *hub = hub_new(&config);
    int status = open_edge(hub, &edge, "images", address, EDGE_SERVE, NULL);
    if (status == 0) status = edge_next_ask(edge, &unit);
    if (status == 0) {
        struct message *message = data_of(unit, 1);
        edge_send(edge, ANYBODY, &message);
        status = edge_next_ask(edge, &unit);
    }
    if (status == HUB_END) return hub_close(&hub);
    hub_abandon(&hub);
    return status;
}

static int consume_one(const char *keys) {
    struct hub_config config = config_of("image-encode");
    struct edge *edge;
    struct message *message;
    config.keys = keys;
    config.peer_timeout = 1.5;
    struct hub *hub = hub_new(&config);
    int status = open_edge(hub, &edge, "images", address, EDGE_PULL, NULL);
    if (status == 0) {
        edge_want(edge, ANYBODY, unit_of(0, 0));
        status = edge_take(edge, wanted_data(ANYBODY, 0, 0), &message);
    }
    if (status == 0) {
        message_free(&message);
        return hub_close(&hub);
    }
    hub_abandon(&hub);
    return status;
}

static void test_plain_loopback(void **state) {
    (void)state;
    pid_t worker = start(serve_one, NULL);
    assert_int_equal(consume_one(NULL), 0);
    assert_int_equal(finish(worker), 0);
}

static void test_known_client(void **state) {
    (void)state;
    char keys[] = "keys";
    struct stat status, info, more;
    const mode_t before = umask(0);
    assert_int_equal(keys_create("keys"), 0);
    umask(before);
    assert_int_equal(stat("keys/server.secret", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(keys_create("keys"), -EXIT_USAGE); // nothing is overwritten
    assert_int_equal(stat("keys", &info) | stat("keys/clients", &more), 0);
    assert_int_equal((info.st_mode | more.st_mode) & 0777, 0700); // who writes there is let in
    pid_t worker = start(serve_one, keys);
    assert_int_equal(consume_one("keys"), 0);
    assert_int_equal(finish(worker), 0);
}

static void test_unknown_client(void **state) {
    (void)state;
    char keys[] = "keys";
    assert_int_equal(keys_create("keys"), 0);
    assert_int_equal(unlink("keys/clients/client.public"), 0);
    pid_t worker = start(serve_one, keys);
    assert_int_equal(consume_one("keys"), -EXIT_PEER);
    assert_int_equal(finish(worker), EXIT_PEER);
}

static void test_client_without_keys(void **state) {
    (void)state;
    assert_int_equal(keys_create("keys"), 0);
    pid_t worker = start(serve_one, NULL);
    assert_int_equal(consume_one("keys"), -EXIT_PEER);
    assert_int_equal(finish(worker), EXIT_PEER);
}

static void test_bad_folders(void **state) {
    (void)state;
    assert_int_equal(consume_one("missing"), -EXIT_USAGE);
    assert_int_equal(keys_create("keys"), 0);
    assert_int_equal(file_write("keys/server.secret", "short\n", 6), 0);
    assert_int_equal(consume_one("keys"), -EXIT_USAGE);
    assert_int_equal(directory_remove("keys"), 0);
    assert_int_equal(keys_create("keys"), 0);
    assert_int_equal(file_write("keys/clients/bad.public", "0123456789012345678901234567890123456789~", 41), 0);
    assert_int_equal(consume_one("keys"), -EXIT_USAGE);
}

static void test_other_hosts_need_keys(void **state) {
    (void)state;
    struct hub_config config = config_of("image-encode");
    struct edge *edge;
    char everywhere[64];
    snprintf(everywhere, sizeof everywhere, "tcp://0.0.0.0:%s", strrchr(address, ':') + 1);
    struct hub *hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "images", everywhere, EDGE_PULL, NULL), -EXIT_USAGE);
    hub_abandon(&hub);
    config.insecure = true;
    hub = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge, "images", everywhere, EDGE_PULL, NULL), 0);
    hub_abandon(&hub);
}

static void test_port_in_use(void **state) {
    (void)state;
    struct edge *edge;
    struct hub *first = hub_of("image-encode"), *second = hub_of("image-encode");
    assert_int_equal(open_edge(first, &edge, "images", address, EDGE_PULL, NULL), 0);
    assert_int_equal(open_edge(second, &edge, "images", address, EDGE_PULL, NULL), -EXIT_USAGE);
    hub_abandon(&second);
    hub_abandon(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_PORT(test_plain_loopback),      ON_PORT(test_known_client), ON_PORT(test_unknown_client),
        ON_PORT(test_client_without_keys), ON_PORT(test_bad_folders),  ON_PORT(test_other_hosts_need_keys),
        ON_PORT(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
