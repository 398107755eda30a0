// Who listens where in a run over hosts: as messages, what is refused of them, and which address is taken.
#include "../base/folder.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "run/places.h"
#include "run/run_files.h"

static struct places places;

static int leave(void **state) {
    places_release(&places);
    return leave_folder(state);
}
#define IN_PLACES(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave)

static struct stage_place place_of(const char *role, int rank, const char *edge, const char *ipc, const char *tcp) {
    return (struct stage_place){.role = (char *)role,
                          .rank = rank,
                          .edge = (char *)edge,
                          .host = (char *)"a 1",
                          .folder = (char *)"/runs/r",
                          .ipc = (char *)ipc,
                          .tcp = (char *)tcp};
}

static const char *enter(struct stage_place place) {
    const char *objection = places_object(&places, &place);
    if (!objection) places_add(&places, &place);
    return objection;
}

static void each_rank_has_one_place_at_an_edge(void **state) {
    (void)state;
    assert_null(enter(place_of("image-encode", 0, "images", "ipc://sockets/images.0", "tcp://10.0.0.1:4000")));
    assert_null(enter(place_of("image-encode", 1, "images", "ipc://sockets/images.1", "tcp://10.0.0.1:4001")));
    assert_null(enter(place_of("image-encode", 0, "features", "", "tcp://10.0.0.1:4002")));
    assert_string_equal(places_find(&places, "image-encode", 1, "images")->tcp, "tcp://10.0.0.1:4001");
    assert_null(places_find(&places, "image-encode", 2, "images"));
    assert_null(places_find(&places, "text-decode", 0, "images"));
    assert_string_equal(enter(place_of("image-encode", 1, "images", "", "tcp://10.0.0.1:4009")),
                        "it was announced before");
}

static void places_that_contradict_are_refused(void **state) {
    (void)state;
    assert_null(enter(place_of("image-encode", 0, "images", "ipc://sockets/images.0", "tcp://127.0.0.1:4000")));
    assert_string_equal(enter(place_of("head", 0, "labels", "", "tcp://127.0.0.1:4000")), "another one listens there");
    assert_string_equal(enter(place_of("head", 0, "labels", "ipc://sockets/images.0", "")),
                        "another one listens there");
    struct stage_place elsewhere = place_of("head", 0, "labels", "ipc://sockets/images.0", "tcp://127.0.0.1:4000");
    elsewhere.host = (char *)"b 1"; // each host has its own
    assert_null(enter(elsewhere));
    assert_string_equal(enter(place_of("head", 1, "labels", "", "")), "it listens nowhere");
    assert_string_equal(enter(place_of("head", 1, "labels", "sockets/x", "")), "its ipc address is none");
    assert_string_equal(enter(place_of("head", 1, "labels", "", "ipc://x")), "its tcp address is none");
}

// ---- messages

static void they_travel_as_they_are(void **state) {
    (void)state;
    struct places read = {0};
    enter(place_of("image-encode", 0, "images", "ipc://sockets/images.0", "tcp://10.0.0.1:4000"));
    enter(place_of("text-decode", 3, "tokens", "", "tcp://10.0.0.1:4001"));
    struct message *message = places_pack(WORD_WHERE, &places);
    assert_string_equal(message_name(message), "where");
    assert_int_equal(places_unpack(&read, message), 0);
    message_free(&message);
    assert_int_equal(read.count, 2);
    const struct stage_place *place = places_find(&read, "text-decode", 3, "tokens");
    assert_string_equal(place->host, "a 1");
    assert_string_equal(place->folder, "/runs/r");
    assert_string_equal(place->ipc, "");
    assert_string_equal(place->tcp, "tcp://10.0.0.1:4001");
    places_release(&read);
    message = places_pack(WORD_ANNOUNCE, &read); // who binds nothing says so
    assert_int_equal(places_unpack(&read, message), 0);
    assert_int_equal(read.count, 0);
    message_free(&message);
}

static struct message *announce(int64_t rows, const char *role) {
    static const char *const columns[] = {"edges", "hosts", "folders", "ipc", "tcp"};
    struct message *message = message_tell(WORD_ANNOUNCE, (struct unit){0});
    int64_t *rank = message_add(message, "ranks", DT_I64, SHAPE(rows));
    memset(rank, 0, (size_t)rows * sizeof *rank);
    message_add_strings(message, "roles", &role, 1);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const char *text = i == 4 ? "tcp://a:1" : i == 3 ? "ipc://x" : "x";
        message_add_strings(message, columns[i], &text, 1);
    }
    return message;
}

static void assert_objected(struct message *message, const char *words) {
    listen_in();
    assert_int_equal(places_unpack(&places, message), -EXIT_RUN);
    const char *said = heard();
    if (!strstr(said, words)) fail_msg("%s, not %s", said, words);
    message_free(&message);
}

static void malformed_ones_are_refused(void **state) {
    (void)state;
    char *long_role = xmalloc(PLACE_TEXT + 1);
    memset(long_role, 'r', PLACE_TEXT);
    long_role[PLACE_TEXT] = 0;
    assert_objected(announce(2, "head"), "lacks texts");
    assert_objected(announce(PLACES_MOST + 1, "head"), "too many places");
    assert_objected(announce(1, ""), "without a name");
    assert_objected(announce(1, "a role of more than thirty-one bytes"), "without a name");
    assert_objected(announce(1, long_role), "too long");
    assert_objected(announce(1, "head"), "head 0 at edge x: it was announced before"); // the whole row above
    free(long_role);
}

// ---- the choice

static void listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void assert_address(const struct stage_place *place, const char *host, const char *from, const char *expected) {
    char *address = place_address(place, host, from);
    if (expected)
        assert_string_equal(address, expected);
    else
        assert_null(address);
    free(address);
}

static void one_host_takes_ipc_and_others_tcp(void **state) {
    (void)state;
    char *here = getcwd(NULL, 0), *absolute = xformat("ipc://%s/socket", here);
    struct stage_place place = place_of("image-encode", 0, "images", "ipc://socket", "tcp://10.0.0.1:4000");
    place.folder = here;
    assert_address(&place, "a 1", here, "tcp://10.0.0.1:4000"); // the file is not there: other files than its own
    listen_at("socket");
    assert_address(&place, "a 1", here, "ipc://socket");
    assert_address(&place, "a 1", "/elsewhere", absolute);
    assert_address(&place, "b 1", here, "tcp://10.0.0.1:4000");
    assert_true(place_is_here(&place, "a 1"));
    assert_false(place_is_here(&place, "a 2")); // booted anew, or another one of that name
    place.tcp = (char *)"";
    assert_address(&place, "b 1", here, NULL);
    place.ipc = (char *)"", place.tcp = (char *)"tcp://10.0.0.1:4000";
    assert_address(&place, "a 1", here, "tcp://10.0.0.1:4000");
    free(absolute);
    free(here);
}

static void a_path_too_long_for_a_socket_is_left_to_tcp(void **state) {
    (void)state;
    char *here = getcwd(NULL, 0), *deep = xformat("%s/%0100d", here, 0);
    struct stage_place place = place_of("image-encode", 0, "images", "ipc://socket", "tcp://10.0.0.1:4000");
    assert_int_equal(directory_make(deep), 0);
    assert_int_equal(chdir(deep), 0);
    listen_at("socket");
    place.folder = deep;
    assert_address(&place, "a 1", deep, "ipc://socket");
    assert_address(&place, "a 1", here, "tcp://10.0.0.1:4000");
    assert_int_equal(chdir(here), 0);
    free(deep);
    free(here);
}

// ---- the files of a run

static void a_worker_gets_the_files_that_it_needs(void **state) {
    (void)state;
    struct buffer bytes = {0};
    assert_int_equal(file_write("run.json", "{}", 2), 0);
    assert_int_equal(file_write("tokenizer.model", "a\0b", 3), 0);
    assert_int_equal(file_write("metrics.jsonl", "{}", 2), 0);
    struct message *message = run_files_pack();
    message_add(message, "../escape", DT_U8, SHAPE(1));
    assert_int_equal(directory_make("to"), 0);
    assert_int_equal(run_files_unpack(message, "to"), 0);
    message_free(&message);
    assert_int_equal(file_read("to/tokenizer.model", 100, &bytes), 0);
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.bytes, "a\0b", 3);
    buffer_release(&bytes);
    assert_true(file_exists("to/run.json"));
    assert_false(file_exists("to/metrics.jsonl"));
    assert_false(file_exists("escape"));
}

static void without_a_run_there_is_nothing_to_get(void **state) {
    (void)state;
    struct message *message = run_files_pack();
    listen_in();
    assert_int_equal(run_files_unpack(message, "."), -EXIT_RUN);
    assert_non_null(strstr(heard(), "no run.json"));
    message_free(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_PLACES(each_rank_has_one_place_at_an_edge),
        IN_PLACES(places_that_contradict_are_refused),
        IN_PLACES(they_travel_as_they_are),
        IN_PLACES(malformed_ones_are_refused),
        IN_PLACES(one_host_takes_ipc_and_others_tcp),
        IN_PLACES(a_path_too_long_for_a_socket_is_left_to_tcp),
        IN_PLACES(a_worker_gets_the_files_that_it_needs),
        IN_PLACES(without_a_run_there_is_nothing_to_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
