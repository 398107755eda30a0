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
    assert_true(endpoint.loopback);
    assert_int_equal(endpoint_parse(&endpoint, "images", "tcp://1270.example:80"), 0);
    assert_false(endpoint.loopback);
    assert_false(endpoint_is_recording(&endpoint));
}

static void test_refused(void **state) {
    (void)state;
    struct endpoint endpoint;
    char longest[200] = "ipc://";
    memset(longest + 6, 'x', 107);
    assert_int_equal(endpoint_parse(&endpoint, "images", longest), 0);
    longest[6 + 107] = 'x';
    assert_int_equal(endpoint_parse(&endpoint, "images", longest), -EXIT_USAGE);
    static const char *const wrong[] = {
        "",          "images",        "ipc://",     "tcp://host", "tcp://host:", "tcp://:80",
        "tcp://h:0", "tcp://h:65536", "tcp://h:8x", "file:",      "udp://h:1",   "--"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(endpoint_parse(&endpoint, "images", wrong[i]), -EXIT_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
