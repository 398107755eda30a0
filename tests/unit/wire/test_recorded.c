// Edges that are recordings: what a stage alone reads and writes, and what --record leaves behind.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "peers.h"
#include "wire/recording.h"

static struct hub *hub;
static struct edge *edge;

static void write_units(const char *path, int64_t first, int64_t steps, int32_t microbatches, int32_t M) {
    struct recording *recording;
    assert_int_equal(recording_create(&recording, path), 0);
    for (int64_t s = first; s < first + steps; s++)
        for (int32_t m = microbatches; m-- > 0;) { // within a step any order will do
            struct message *message = data_of(unit_of(s, m), 7);
            strcpy(message->from, "decode");
            message->microbatches = M;
            assert_int_equal(recording_write(recording, message), 0);
            message_free(&message);
        }
    assert_int_equal(recording_close(&recording), 0);
}

static int open_one(const char *address, enum edge_manner manner, enum edge_direction direction) {
    const struct edge_options options = {
        .name = "images", .address = address, .manner = manner, .direction = direction, .window = 1};
    return hub_edge(hub, &edge, &options);
}

static void open_input(const char *address) {
    hub = hub_of("image-encode");
    assert_int_equal(open_one(address, EDGE_PULL, EDGE_IN), 0);
    assert_true(edge_is_recording(edge));
}

static int take(int64_t step, int32_t microbatch) {
    struct message *message;
    int status = edge_take(edge, wanted_data(ANYBODY, step, microbatch), &message);
    if (status == 0) {
        assert_int_equal(value_of(message)[0], message->unit.step);
        if (step >= 0) assert_int_equal(message->unit.step, step);
        if (microbatch >= 0) assert_int_equal(message->unit.microbatch, microbatch);
        message_free(&message);
    }
    return status;
}

static void test_read_in_order(void **state) {
    (void)state;
    write_units("file", 0, 3, 2, 2);
    open_input("file:file");
    edge_want(edge, ANYBODY, unit_of(0, 0)); // of no effect
    for (int64_t s = 0; s < 3; s++)
        for (int32_t m = 0; m < 2; m++) assert_int_equal(take(s, m), 0);
    assert_true(edge_ready(edge, wanted_data(ANYBODY, 3, 0)));
    assert_int_equal(take(3, 0), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_steps_may_be_skipped_but_not_missed(void **state) {
    (void)state;
    write_units("file", 0, 3, 1, 1);
    open_input("file:file");
    assert_int_equal(take(2, 0), 0); // from --first-step 2 on
    assert_int_equal(hub_close(&hub), 0);
    write_units("file", 5, 2, 1, 1);
    open_input("file:file");
    assert_int_equal(take(4, 0), -EXIT_DATA);
    assert_int_equal(take(5, 0), 0);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_any_unit(void **state) {
    (void)state;
    write_units("file", 0, 2, 2, 2);
    open_input("file:file");
    for (int i = 0; i < 4; i++) assert_int_equal(take(-1, -1), 0);
    assert_int_equal(take(-1, -1), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_missing_microbatch(void **state) {
    (void)state;
    write_units("file", 0, 1, 2, 3); // says M = 3
    open_input("file:file");
    assert_int_equal(take(0, 0), 0);
    assert_int_equal(take(0, 1), 0);
    assert_int_equal(take(0, 2), -EXIT_DATA);
    assert_int_equal(hub_close(&hub), 0);
    write_units("file", 0, 1, 2, 0); // without training M is not known: the data end
    open_input("file:file");
    assert_int_equal(take(0, 0), 0);
    assert_int_equal(take(0, 1), 0);
    assert_int_equal(take(0, 2), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_unit_twice(void **state) {
    (void)state;
    struct recording *recording;
    struct message *message = data_of(unit_of(0, 0), 7);
    assert_int_equal(recording_create(&recording, "file"), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(recording_write(recording, message), 0);
    message_free(&message);
    assert_int_equal(recording_close(&recording), 0);
    open_input("file:file");
    assert_int_equal(take(0, 1), -EXIT_DATA);
    hub_abandon(&hub);
}

// Two ranks tell the same word of a step; they are told apart.
static void test_words_of_ranks(void **state) {
    (void)state;
    struct recording *recording;
    assert_int_equal(recording_create(&recording, "file"), 0);
    for (int i = 0; i < 2; i++) {
        struct message *norm = message_tell("norm", unit_of(0, 0));
        strcpy(norm->from, "text-decode");
        norm->rank = i;
        assert_int_equal(recording_write(recording, norm), 0);
        message_free(&norm);
    }
    assert_int_equal(recording_close(&recording), 0);
    open_input("file:file");
    for (int rank = 2; rank-- > 0;) {
        struct message *norm;
        assert_int_equal(edge_take(edge, wanted_word("norm", (struct address){"text-decode", rank}, 0, 0), &norm), 0);
        assert_int_equal(norm->rank, rank);
        message_free(&norm);
    }
    assert_int_equal(edge_take(edge, wanted_word("scale", ANYBODY, 0, 0), &(struct message *){NULL}), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_write(void **state) {
    (void)state;
    hub = hub_of("decode");
    assert_int_equal(open_one("file:file", EDGE_SERVE, EDGE_OUT), 0);
    for (int32_t m = 0; m < 3; m++) {
        struct message *message = data_of(unit_of(0, m), 1);
        assert_int_equal(edge_send(edge, ANYBODY, &message), 0);
        assert_null(message);
    }
    assert_int_equal(hub_close(&hub), 0);
    open_input("file:file");
    for (int32_t m = 0; m < 3; m++) assert_int_equal(take(0, m), 0);
    assert_int_equal(take(0, 3), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

static void test_abandoned_output_is_cut(void **state) {
    (void)state;
    hub = hub_of("decode");
    assert_int_equal(open_one("file:file", EDGE_SERVE, EDGE_OUT), 0);
    struct message *message = data_of(unit_of(0, 0), 1);
    assert_int_equal(edge_send(edge, ANYBODY, &message), 0);
    hub_abandon(&hub);
    open_input("file:file");
    assert_int_equal(take(0, 0), 0);
    assert_int_equal(take(0, 1), -EXIT_DATA);
    hub_abandon(&hub);
}

static void test_refused(void **state) {
    (void)state;
    struct edge *second;
    const struct edge_options options = {
        .name = "tokens", .address = "-", .manner = EDGE_PULL, .direction = EDGE_IN, .window = 1};
    hub = hub_of("image-encode");
    assert_int_equal(open_one("file:file", EDGE_BIND, EDGE_BOTH), -EXIT_USAGE);
    assert_int_equal(open_one("file:missing", EDGE_PULL, EDGE_IN), -EXIT_DATA);
    int null = open("/dev/null", O_RDONLY), old = dup(STDIN_FILENO);
    dup2(null, STDIN_FILENO);
    assert_int_equal(open_one("-", EDGE_PULL, EDGE_IN), 0);
    assert_int_equal(hub_edge(hub, &second, &options), -EXIT_USAGE);
    dup2(old, STDIN_FILENO);
    close(null);
    close(old);
    hub_abandon(&hub);
}

// --- A pipe does not make the stage deaf

static int stop(void *context) {
    (void)context;
    return 2; // the byte stays: so does the wish
}

static void test_watch_ends_a_wait_for_a_pipe(void **state) {
    (void)state;
    int bell[2];
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(pipe(bell), 0);
    open_input("file:fifo");
    hub_watch(hub, bell[0], stop, NULL);
    assert_false(edge_ready(edge, wanted_data(ANYBODY, 0, 0)));
    assert_int_equal(write(bell[1], "", 1), 1);
    assert_int_equal(take(0, 0), 2);
    assert_int_equal(take(0, 0), 2);
    assert_true(edge_ready(edge, wanted_data(ANYBODY, 0, 0)));
    assert_int_equal(hub_close(&hub), 0);
    close(bell[0]);
    close(bell[1]);
}

static int fail_watch(void *context) {
    (void)context;
    return -EXIT_PEER;
}

static void test_failing_watch(void **state) {
    (void)state;
    int bell[2];
    assert_int_equal(pipe(bell), 0);
    close(bell[1]); // hung up
    assert_int_equal(mkfifo("fifo", 0600), 0);
    open_input("file:fifo");
    hub_watch(hub, bell[0], fail_watch, NULL);
    assert_int_equal(take(0, 0), -EXIT_PEER);
    hub_abandon(&hub);
    close(bell[0]);
}

// --- --record

static int serve_units(void *argument) {
    struct unit unit;
    int status;
    (void)argument;
    struct hub *worker = hub_of("decode");
    struct edge *out;
    if (open_edge(worker, &out, "images", "ipc://images", EDGE_SERVE, NULL)) return 1;
    while ((status = edge_next_ask(out, &unit)) == 0) {
        struct message *message = data_of(unit, 1);
        edge_send(out, ANYBODY, &message);
    }
    return status == HUB_END ? hub_close(&worker) : status;
}

static void consume_recorded(const char *record, int32_t units) {
    struct hub_config config = config_of("image-encode");
    struct strings records = {0};
    strings_add_text(&records, record);
    config.record = &records;
    pid_t worker = start(serve_units, NULL);
    hub = hub_new(&config);
    assert_int_equal(open_one("ipc://images", EDGE_PULL, EDGE_IN), 0);
    for (int32_t m = 0; m < units; m++) edge_want(edge, ANYBODY, unit_of(0, m));
    for (int32_t m = 0; m < units; m++) assert_int_equal(take(0, m), 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(worker), 0);
    strings_release(&records);
}

static void test_record(void **state) {
    (void)state;
    consume_recorded("images=copy", 5);
    open_input("file:copy");
    for (int32_t m = 0; m < 5; m++) assert_int_equal(take(0, m), 0);
    assert_int_equal(take(0, 5), HUB_END);
    assert_int_equal(hub_close(&hub), 0);
}

// The worker is asked for the same recording as its consumer, as a script's options go to every stage.
static void test_record_is_the_receivers(void **state) {
    struct hub_config config = config_of("decode");
    struct strings records = {0};
    (void)state;
    strings_add_text(&records, "images=copy");
    config.record = &records;
    hub = hub_new(&config);
    assert_int_equal(open_one("ipc://images", EDGE_SERVE, EDGE_OUT), 0);
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(access("copy", F_OK), -1);
    strings_release(&records);
}

static void test_record_has_one_writer(void **state) {
    struct recording *one, *other;
    (void)state;
    assert_int_equal(recording_create(&one, "copy"), 0);
    assert_int_equal(recording_create(&other, "copy"), -EXIT_USAGE);
    assert_int_equal(recording_close(&one), 0);
    assert_int_equal(recording_create(&other, "copy"), 0);
    assert_int_equal(recording_close(&other), 0);
}

static int read_a_little(void *argument) {
    char bytes[10];
    int fd = open(argument, O_RDONLY);
    return read(fd, bytes, sizeof bytes) == sizeof bytes ? 0 : 1;
}

static void test_record_outlives_its_reader(void **state) {
    (void)state;
    char path[] = "fifo";
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t reader = start(read_a_little, path);
    consume_recorded("images=fifo", 500); // more than the pipe holds
    assert_int_equal(finish(reader), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_read_in_order),
        IN_FOLDER(test_steps_may_be_skipped_but_not_missed),
        IN_FOLDER(test_any_unit),
        IN_FOLDER(test_missing_microbatch),
        IN_FOLDER(test_unit_twice),
        IN_FOLDER(test_words_of_ranks),
        IN_FOLDER(test_write),
        IN_FOLDER(test_abandoned_output_is_cut),
        IN_FOLDER(test_refused),
        IN_FOLDER(test_watch_ends_a_wait_for_a_pipe),
        IN_FOLDER(test_failing_watch),
        IN_FOLDER(test_record),
        IN_FOLDER(test_record_is_the_receivers),
        IN_FOLDER(test_record_has_one_writer),
        IN_FOLDER(test_record_outlives_its_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
