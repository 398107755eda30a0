// Files and commands as objects: what is read is of the file that is known, or an error.
#include "../base/support.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "remote/objects.h"

static const char *make(const char *name, const char *text) {
    const char *path = in_folder(name);
    assert_int_equal(file_write(path, text, strlen(text)), 0);
    return path;
}

static struct object look(const char *url) {
    struct object object;
    bool there;
    assert_int_equal(object_look(&object, url, NULL, &there), 0);
    assert_true(there);
    return object;
}

// The whole stream; what object_stream_read ended with.
static int drain(struct object *object, struct buffer *bytes) {
    struct object_stream *stream;
    const int status = object_stream_open(&stream, object, NULL);
    if (status) return status;
    char part[7];
    ssize_t got;
    while ((got = object_stream_read(stream, part, sizeof part)) > 0) buffer_append(bytes, part, (size_t)got);
    assert_int_equal(object_stream_read(stream, part, sizeof part), got);
    object_stream_close(&stream);
    return (int)got;
}

static void names_say_where_objects_are(void **state) {
    (void)state;
    assert_int_equal(object_kind_of("a/b.tar"), OBJECT_FILE);
    assert_int_equal(object_kind_of("https://h/a"), OBJECT_HTTP);
    assert_int_equal(object_kind_of("s3://b/k"), OBJECT_S3);
    assert_int_equal(object_kind_of("pipe:cat a"), OBJECT_PIPE);
    assert_int_equal(object_kind_of("s3:/b"), OBJECT_FILE);
}

static void a_missing_file_is_not_there(void **state) {
    (void)state;
    struct object object;
    bool there = true;
    assert_int_equal(object_look(&object, in_folder("missing"), NULL, &there), 0);
    assert_false(there);
    object_release(&object);
    listen_in();
    const int status = object_look(&object, in_folder(""), NULL, &there);
    assert_has(heard(), "not a regular file");
    assert_int_equal(status, -EXIT_DATA);
}

static void a_stream_fills_in_what_the_file_is(void **state) {
    (void)state;
    struct object seen = look(make("a", "hello, shards")), object = {.url = xstrdup(in_folder("a")), .bytes = -1};
    struct buffer bytes = {0};
    assert_int_equal(drain(&object, &bytes), 0);
    assert_string_equal(bytes.bytes, "hello, shards");
    assert_int_equal(object.bytes, seen.bytes);
    assert_string_equal(object.tag, seen.tag);
    assert_true(object.is_hashed);
    assert_int_equal(object.hash, hash_bytes("hello, shards", 13, 0));
    object.hash++;
    listen_in();
    const int status = drain(&object, &bytes);
    assert_has(heard(), "XXH64");
    assert_int_equal(status, -EXIT_DATA);
    buffer_release(&bytes);
    object_release(&object);
    object_release(&seen);
}

static void reads_are_of_the_file_that_is_known(void **state) {
    (void)state;
    struct object object[2] = {look(make("a", "0123456789")), look(make("b", "abcdef"))};
    struct objects *objects;
    struct buffer bytes = {0};
    assert_int_equal(objects_open(&objects, object, 2, NULL), 0);
    assert_int_equal(objects_read(objects, 0, 3, 4, &bytes), 0);
    assert_int_equal(objects_read(objects, 1, 5, 1, &bytes), 0);
    assert_int_equal(objects_read(objects, 0, 10, 0, &bytes), 0);
    assert_string_equal(bytes.bytes, "3456f");

    listen_in();
    assert_int_equal(objects_read(objects, 0, 8, 3, &bytes), -EXIT_DATA);
    assert_int_equal(objects_read(objects, 0, -1, 3, &bytes), -EXIT_DATA);
    assert_int_equal(objects_read(objects, 0, 1, SIZE_MAX, &bytes), -EXIT_DATA);
    assert_has(heard(), "beyond its end at 10");

    // In place, as long as before: the open descriptor sees it.
    int fd = open(object[0].url, O_WRONLY);
    assert_int_equal(write(fd, "X", 1), 1);
    assert_int_equal(futimens(fd, (struct timespec[]){{1, 1}, {1, 1}}), 0);
    close(fd);
    listen_in();
    const int changed = objects_read(objects, 0, 3, 4, &bytes);
    const char *text = heard();
    assert_int_equal(changed, -EXIT_DATA);
    assert_has(text, object[0].tag);
    assert_has(text, "tag 1000000001");
    assert_has(text, "index again");
    assert_string_equal(bytes.bytes, "3456f");

    unlink(object[1].url);
    assert_int_equal(objects_read(objects, 1, 0, 6, &bytes), 0); // it is still open
    objects_close(&objects);
    buffer_release(&bytes);
    for (int i = 0; i < 2; i++) object_release(&object[i]);
}

static void many_files_need_few_descriptors(void **state) {
    (void)state;
    enum { FILES = 200 };
    struct object object[FILES];
    struct objects *objects;
    struct buffer bytes = {0};
    char name[16];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "m%d", i);
        object[i] = look(make(name, name));
    }
    assert_int_equal(objects_open(&objects, object, FILES, NULL), 0);
    const int before = dup(0);
    for (int i = 0; i < 3 * FILES; i++) {
        const int n = i * 7 % FILES;
        buffer_clear(&bytes);
        snprintf(name, sizeof name, "m%d", n);
        assert_int_equal(objects_read(objects, n, 0, (size_t)object[n].bytes, &bytes), 0);
        assert_string_equal(bytes.bytes, name);
    }
    const int after = dup(0);
    assert_in_range(after - before, 0, 80);
    close(before);
    close(after);
    objects_close(&objects);
    buffer_release(&bytes);
    for (int i = 0; i < FILES; i++) object_release(&object[i]);
}

static void commands_are_streams_that_end_well(void **state) {
    (void)state;
    struct object object = {.url = xstrdup("pipe:printf 'one two'"), .bytes = -1};
    struct buffer bytes = {0};
    assert_int_equal(drain(&object, &bytes), 0);
    assert_string_equal(bytes.bytes, "one two");
    assert_int_equal(object.bytes, 7);
    assert_null(object.tag);
    struct objects *objects;
    assert_int_equal(objects_open(&objects, &object, 1, NULL), 0);
    listen_in();
    assert_int_equal(objects_read(objects, 0, 0, 7, &bytes), -EXIT_USAGE);
    assert_has(heard(), "no places");
    objects_close(&objects);
    object_release(&object);

    object.url = xstrdup("pipe:printf some; exit 7");
    listen_in();
    const int status = drain(&object, &bytes);
    const char *text = heard();
    assert_int_equal(status, -EXIT_DATA);
    assert_has(text, "exit status 7: printf some; exit 7");
    object_release(&object);
    buffer_release(&bytes);
}

static bool at_once(void) {
    return true;
}

static void an_endless_command_ends_with_its_stream(void **state) {
    (void)state;
    struct object object = {.url = xstrdup("pipe:yes | cat; sleep 1000"), .bytes = -1};
    struct object_stream *stream;
    char part[100];
    assert_int_equal(object_stream_open(&stream, &object, NULL), 0);
    assert_int_equal(object_stream_read(stream, part, 4), 4);
    assert_memory_equal(part, "y\ny\n", 4);
    object_stream_close(&stream);
    object_release(&object);

    object.url = xstrdup("pipe:sleep 1000");
    struct remote_options options = REMOTE_DEFAULTS;
    options.stopped = at_once;
    assert_int_equal(object_stream_open(&stream, &object, &options), 0);
    listen_in();
    assert_int_equal(object_stream_read(stream, part, 4), -EXIT_RUN);
    assert_has(heard(), "asked to stop");
    object_stream_close(&stream);
    object_release(&object);
}

static void a_file_is_put_whole(void **state) {
    (void)state;
    assert_int_equal(object_put(in_folder("copy"), make("a", "content"), NULL), 0);
    struct object object = look(in_folder("copy"));
    assert_int_equal(object.bytes, 7);
    object_release(&object);
    listen_in();
    assert_int_equal(object_put("pipe:cat", in_folder("a"), NULL), -EXIT_DATA);
    assert_has(heard(), "only read");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_where_objects_are),
        cmocka_unit_test(a_missing_file_is_not_there),
        cmocka_unit_test(a_stream_fills_in_what_the_file_is),
        cmocka_unit_test(reads_are_of_the_file_that_is_known),
        cmocka_unit_test(many_files_need_few_descriptors),
        cmocka_unit_test(commands_are_streams_that_end_well),
        cmocka_unit_test(an_endless_command_ends_with_its_stream),
        cmocka_unit_test(a_file_is_put_whole),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
