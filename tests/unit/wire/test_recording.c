// Recordings: files and FIFOs, cut at every byte, lying about lengths, out of order, left by their reader.
#include <fcntl.h>
#include <sys/stat.h>

#include "peers.h"
#include "wire/recording.h"

static void write_units(const char *path, int64_t steps, int32_t microbatches) {
    struct recording *recording;
    assert_int_equal(recording_create(&recording, path), 0);
    for (int64_t s = 0; s < steps; s++)
        for (int32_t m = 0; m < microbatches; m++) {
            struct message *message = data_of(unit_of(s, m), 7);
            const char *words[] = {"one", "", "three"};
            message_add_strings(message, "text", words, 3);
            message_set_real(message, "loss", 0.1 * m);
            assert_int_equal(recording_write(recording, message), 0);
            message_free(&message);
        }
    assert_int_equal(recording_close(&recording), 0);
}

// The number of messages read before the end (*status 0) or a failure.
static int read_all(const char *path, int *status) {
    struct recording *recording;
    struct message *message;
    int count = 0;
    *status = recording_open(&recording, path);
    if (*status) return 0;
    while ((*status = recording_read(recording, &message)) == 0 && message) {
        count++;
        message_free(&message);
    }
    recording_abandon(&recording);
    return count;
}

static void test_round_trip(void **state) {
    (void)state;
    struct recording *recording;
    struct message *message;
    double loss;
    write_units("file", 3, 2);
    assert_int_equal(recording_open(&recording, "file"), 0);
    for (int64_t s = 0; s < 3; s++)
        for (int32_t m = 0; m < 2; m++) {
            assert_int_equal(recording_read(recording, &message), 0);
            assert_int_equal(value_of(message)[0], s);
            assert_int_equal(value_of(message)[1], m);
            assert_string_equal(message_string(message, "text", 2), "three");
            assert_string_equal(message_string(message, "text", 1), "");
            assert_null(message_string(message, "text", 3));
            assert_int_equal(message_real(message, "loss", &loss), 0);
            assert_true(loss == 0.1 * m);
            message_free(&message);
        }
    assert_int_equal(recording_read(recording, &message), 0);
    assert_null(message);
    assert_int_equal(recording_close(&recording), 0);
}

static void test_every_cut_is_found(void **state) {
    (void)state;
    struct buffer whole = {0};
    int status, missed = 0;
    write_units("file", 1, 2);
    assert_int_equal(file_read("file", 1 << 20, &whole), 0);
    listen_in(); // hundreds of errors are as they should be
    for (size_t size = 0; size < whole.size; size++) {
        assert_int_equal(truncate("file", (off_t)size), 0);
        missed += read_all("file", &status) > 2 || status != -EXIT_DATA;
        assert_int_equal(file_write("file", whole.bytes, whole.size), 0);
    }
    heard();
    assert_int_equal(missed, 0);
    buffer_release(&whole);
}

static void patch(const char *path, const char *piece, const char *instead, size_t size) {
    struct buffer bytes = {0};
    assert_int_equal(file_read(path, 1 << 20, &bytes), 0);
    char *at = memmem(bytes.bytes, bytes.size, piece, size);
    assert_non_null(at);
    memcpy(at, instead, size);
    assert_int_equal(file_write(path, bytes.bytes, bytes.size), 0);
    buffer_release(&bytes);
}

static void lengthen_first_header(const char *path) {
    struct buffer bytes = {0};
    assert_int_equal(file_read(path, 1 << 20, &bytes), 0);
    bytes.bytes[8]++;
    assert_int_equal(file_write(path, bytes.bytes, bytes.size), 0);
    buffer_release(&bytes);
}

static void expect_damage(const char *path, int before) {
    int status;
    assert_int_equal(read_all(path, &status), before);
    assert_int_equal(status, -EXIT_DATA);
}

static void test_damage(void **state) {
    (void)state;
    const char nothing[] = "";
    assert_int_equal(file_write("empty", nothing, 0), 0);
    expect_damage("empty", 0);
    assert_int_equal(file_write("text", "this is some text", 17), 0);
    expect_damage("text", 0);
    expect_damage("missing", 0);
    write_units("file", 2, 1);
    lengthen_first_header("file");
    expect_damage("file", 0);
    write_units("file", 2, 1);
    patch("file", "\xa4step\x01", "\xa4step\x00", 6);
    patch("file", "\xa4step\x00", "\xa4step\x05", 6); // steps 5, 0
    expect_damage("file", 1);
    write_units("file", 2, 1);
    patch("file",
          "\xa5shape\x91\x03\xa5"
          "bytes\x18",
          "\xa5shape\x91\x7f\xa5"
          "bytes\x18",
          14);
    expect_damage("file", 0);
}

// A payload that a file's header only claims is not reserved.
static void test_claimed_lengths(void **state) {
    (void)state;
    struct message *message = message_new(MESSAGE_DATA, unit_of(0, 0));
    struct buffer bytes = {0};
    int status;
    const int64_t huge = (int64_t)1 << 55;
    message_add(message, "value", DT_U8, SHAPE(0));
    message->tensor[0].shape = SHAPE(huge);
    buffer_append(&bytes, "cocarec1", 8);
    size_t start = bytes.size;
    buffer_append(&bytes, "\0\0\0\0", 4);
    message_encode_header(message, &bytes);
    bytes.bytes[start] = (char)(bytes.size - start - 4);
    message->tensor[0].shape = SHAPE(0);
    message_free(&message);
    assert_int_equal(file_write("file", bytes.bytes, bytes.size), 0);
    expect_damage("file", 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    pid_t writer = fork();
    if (!writer) {
        int fd = open("fifo", O_WRONLY);
        _exit(write(fd, bytes.bytes, bytes.size) == (ssize_t)bytes.size ? 0 : 1);
    }
    assert_int_equal(read_all("fifo", &status), 0);
    assert_int_equal(status, -EXIT_DATA);
    assert_int_equal(finish(writer), 0);
    buffer_release(&bytes);
}

static int write_large(void *argument) {
    struct recording *recording;
    struct message *message = message_new(MESSAGE_DATA, unit_of(0, 0));
    size_t size = (size_t)40 << 20;
    unsigned char *bytes = message_add(message, "bytes", DT_U8, SHAPE((int64_t)size));
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 24);
    if (recording_create(&recording, argument)) return 1;
    int status = recording_write(recording, message);
    message_free(&message);
    return status ? status : recording_close(&recording);
}

static void test_fifo(void **state) {
    (void)state;
    struct recording *recording;
    struct message *message;
    const void *data;
    char path[] = "fifo";
    const int64_t size = 40 << 20; // more than is reserved at once
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(recording_open(&recording, path), 0); // waits for nobody
    assert_false(recording_readable(recording));
    pid_t writer = start(write_large, path);
    assert_int_equal(recording_read(recording, &message), 0);
    assert_int_equal(message_tensor(message, "bytes", DT_U8, SHAPE(size), &data), 0);
    const unsigned char *bytes = data;
    for (int64_t i = 0; i < size; i += 4099) assert_int_equal(bytes[i], (unsigned char)((size_t)i * 2654435761u >> 24));
    message_free(&message);
    assert_int_equal(recording_read(recording, &message), 0);
    assert_null(message);
    assert_int_equal(recording_close(&recording), 0);
    assert_int_equal(finish(writer), 0);
}

static void test_reader_leaves(void **state) {
    (void)state;
    char path[] = "fifo";
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t writer = start(write_large, path);
    int fd = open(path, O_RDONLY);
    char some[100];
    assert_int_equal(read(fd, some, sizeof some), sizeof some);
    close(fd);
    assert_int_equal(finish(writer), RECORDING_BROKEN);
}

static void test_disk_full(void **state) {
    (void)state;
    struct recording *recording;
    struct message *message = data_of(unit_of(0, 0), 0);
    assert_int_equal(recording_create(&recording, "/dev/full"), 0);
    assert_int_equal(recording_write(recording, message), -EXIT_RUN);
    assert_int_equal(recording_write(recording, message), -EXIT_RUN); // sticks, said once
    message_free(&message);
    assert_int_equal(recording_close(&recording), -EXIT_RUN);
    assert_int_equal(recording_create(&recording, "missing/file"), -EXIT_RUN);
}

static int stop_waiting(void *context, int fd, short events) {
    (void)fd;
    (void)events;
    return --*(int *)context < 0 ? 2 : 0;
}

static void test_wait_ends_a_read(void **state) {
    (void)state;
    struct recording *recording;
    struct message *message;
    int ends[2], patience = 0;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(recording_open_fd(&recording, ends[0], "pipe"), 0);
    recording_on_wait(recording, stop_waiting, &patience);
    assert_int_equal(recording_read(recording, &message), 2);
    assert_null(message);
    recording_abandon(&recording);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_round_trip), IN_FOLDER(test_every_cut_is_found),
        IN_FOLDER(test_damage),     IN_FOLDER(test_claimed_lengths),
        IN_FOLDER(test_fifo),       IN_FOLDER(test_reader_leaves),
        IN_FOLDER(test_disk_full),  IN_FOLDER(test_wait_ends_a_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
