// Files as objects, and the folder of a cache, with the nth call failing.
#include "../base/folder.h"
#include "../faults/faults.h"

#include "remote/cache_book.h"
#include "remote/objects.h"

enum { BYTES = 200000 };

static char content[BYTES];

static void make_source(void) {
    for (int i = 0; i < BYTES; i++) content[i] = (char)(i * 7 + i / 256);
    assert_done(file_write("source", content, BYTES));
}

static bool is_content(const char *path) {
    struct buffer bytes = {0};
    const bool same = file_exists(path) && !file_read(path, BYTES, &bytes) && bytes.size == BYTES &&
                      !memcmp(bytes.bytes, content, BYTES);
    buffer_release(&bytes);
    return same;
}

static int put(void) {
    return object_put("source-copy", "source", NULL);
}

static bool is_not_put(void) {
    return !file_exists("source-copy");
}

static bool is_put(void) {
    return is_content("source-copy");
}

static int stream_source(void) {
    struct object object = {.url = xstrdup("source"), .bytes = -1};
    struct object_stream *stream;
    char *bytes = xmalloc(BYTES + 1);
    ssize_t got = 0, had = 0;
    int status = object_stream_open(&stream, &object, NULL);
    while (!status && (got = object_stream_read(stream, bytes + had, (size_t)(BYTES + 1 - had))) > 0) had += got;
    if (!status) object_stream_close(&stream);
    if (!status) status = got < 0 ? (int)got : had != BYTES || memcmp(bytes, content, BYTES);
    free(bytes);
    object_release(&object);
    return status;
}

static int read_source(void) {
    struct object object;
    struct objects *objects;
    struct buffer bytes = {0};
    bool there;
    int status = object_look(&object, "source", NULL, &there);
    if (status) return status;
    status = objects_open(&objects, &object, 1, NULL);
    if (!status) status = objects_read(objects, 0, 1000, BYTES - 1000, &bytes);
    if (!status) status = memcmp(bytes.bytes, content + 1000, BYTES - 1000) != 0;
    objects_close(&objects);
    buffer_release(&bytes);
    object_release(&object);
    return status;
}

// A part that is filled and becomes whole, in place of one that was used longest ago.
static struct cache_book book = {.folder = (char[]){"cache"}, .bound = 2 * BYTES};
static const char name[] = "00000000000000ab-200000";

static void make_cache(void) {
    make_source();
    assert_done(directory_make("cache"));
    assert_done(file_copy("source", "cache/00000000000000aa-200000"));
    assert_done(file_write("cache/00000000000000ac-200000", content, BYTES));
}

static int fill(int fd, struct failure *failure) {
    for (size_t at = 0; at < BYTES;) {
        const ssize_t written = write(fd, content + at, BYTES - at);
        if (written < 0) return cache_book_fail(&book, "cannot be written", failure);
        at += (size_t)written;
    }
    return fsync(fd) ? cache_book_fail(&book, "cannot be written", failure) : 0;
}

static int add_to_cache(void) {
    struct failure failure;
    int fd, status = cache_book_take(&book, name, BYTES, &fd, &failure);
    if (status == CACHE_WHOLE) return 0;
    if (status == CACHE_MINE) {
        status = ftruncate(fd, 0) ? cache_book_fail(&book, "cannot be written", &failure) : fill(fd, &failure);
        if (!status) status = cache_book_finish(&book, name, &failure);
        close(fd);
    }
    return status < 0 ? failure_report(&failure) : status;
}

static bool is_without(void) {
    return !file_exists("cache/00000000000000ab-200000");
}

static bool is_with(void) {
    return is_content("cache/00000000000000ab-200000");
}

static void an_object_is_put_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_source, put, is_not_put, is_put, "source"});
}

static void a_stream_is_right_or_the_failure_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_source, stream_source, NULL, NULL, "source"});
}

static void a_read_is_right_or_the_failure_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_source, read_source, NULL, NULL, "source"});
}

static void a_name_in_the_cache_is_of_what_is_whole(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_cache, add_to_cache, is_without, is_with, "cache"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(an_object_is_put_whole_or_not_at_all),
        IN_FOLDER(a_stream_is_right_or_the_failure_told),
        IN_FOLDER(a_read_is_right_or_the_failure_told),
        IN_FOLDER(a_name_in_the_cache_is_of_what_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
