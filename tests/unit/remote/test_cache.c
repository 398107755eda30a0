// The folder of a cache: what gives way, what stays, and who may write what.
#include "../base/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "remote/cache_book.h"

static struct cache_book book = {.folder = folder, .bound = 1000};
static struct failure failure;

static const char *of(const char *name) {
    static char text[4][CACHE_NAME_SIZE];
    static int turn;
    turn = (turn + 1) % 4;
    cache_name(text[turn], &(struct object){.url = (char *)(uintptr_t)name, .bytes = 400});
    return text[turn];
}

// Used `age` seconds ago.
static void age(const char *name, int seconds) {
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), (struct timespec[]){then, then}, 0), 0);
}

static void make(const char *name, int seconds) {
    char bytes[400] = "";
    assert_int_equal(file_write(in_folder(name), bytes, sizeof bytes), 0);
    age(name, seconds);
}

static int empty(void **state) {
    (void)state;
    directory_remove(folder);
    return directory_make(folder);
}

static int take(const char *name, int *fd) {
    return cache_book_take(&book, name, 400, fd, &failure);
}

static void names_tell_contents_apart(void **state) {
    (void)state;
    const struct object object = {.url = (char *)(uintptr_t) "http://h/a", .tag = (char *)(uintptr_t) "t", .bytes = 7};
    struct object other = object;
    char name[CACHE_NAME_SIZE], again[CACHE_NAME_SIZE];
    cache_name(name, &object);
    assert_string_equal(strchr(name, '-'), "-7");
    other.tag = (char *)(uintptr_t) "u";
    cache_name(again, &other);
    assert_string_not_equal(name, again);
    other.tag = NULL;
    cache_name(again, &other);
    assert_string_not_equal(name, again);
    cache_name(again, &object);
    assert_string_equal(name, again);
    other.bytes = INT64_MAX;
    cache_name(again, &other);
    assert_string_equal(strchr(again, '-'), "-9223372036854775807");
}

static void what_was_used_longest_ago_gives_way(void **state) {
    (void)state;
    int fd;
    make(of("old"), 10);
    make(of("older"), 20);
    assert_int_equal(take(of("old"), &fd), CACHE_WHOLE);
    assert_int_equal(take(of("new"), &fd), CACHE_MINE);
    assert_true(file_exists(in_folder(of("old"))));
    assert_false(file_exists(in_folder(of("older"))));
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_int_equal(cache_book_finish(&book, of("new"), &failure), 0);
    close(fd);
    assert_int_equal(take(of("new"), &fd), CACHE_WHOLE);
}

static void a_part_counts_whole_from_its_beginning(void **state) {
    (void)state;
    int fd[3];
    assert_int_equal(take(of("a"), &fd[0]), CACHE_MINE);
    assert_int_equal(take(of("b"), &fd[1]), CACHE_MINE);
    assert_int_equal(take(of("a"), &fd[2]), CACHE_BUSY);
    assert_int_equal(take(of("c"), &fd[2]), CACHE_FULL);
    assert_false(file_exists(in_folder(of("c"))));
    close(fd[0]); // as when its process dies: another goes on with it, or it gives way
    assert_int_equal(take(of("a"), &fd[0]), CACHE_MINE);
    close(fd[0]);
    assert_int_equal(take(of("c"), &fd[2]), CACHE_MINE);
    assert_int_equal(take(of("a"), &fd[0]), CACHE_FULL);
    close(fd[1]);
    close(fd[2]);
}

static void only_what_was_looked_at_is_dropped(void **state) {
    (void)state;
    make(of("a"), 1);
    const int fd = open(in_folder(of("a")), O_RDONLY);
    unlink(in_folder(of("a")));
    make(of("a"), 1); // another one has fetched it again
    assert_int_equal(cache_book_drop(&book, of("a"), fd, &failure), 0);
    assert_true(file_exists(in_folder(of("a"))));
    close(fd);
    const int same = open(in_folder(of("a")), O_RDONLY);
    assert_int_equal(cache_book_drop(&book, of("a"), same, &failure), 0);
    assert_false(file_exists(in_folder(of("a"))));
    close(same);
}

static void other_files_are_neither_counted_nor_removed(void **state) {
    (void)state;
    int fd;
    make("other", 100);
    make("0123456789abcdef-900.tmp", 100);
    make("0123456789abcdef-+900", 100);
    make("0123456789ABCDEF-900", 100);
    assert_int_equal(take(of("a"), &fd), CACHE_MINE);
    close(fd);
    assert_true(file_exists(in_folder("other")) && file_exists(in_folder("0123456789abcdef-900.tmp")));
    assert_true(file_exists(in_folder("0123456789abcdef-+900")) && file_exists(in_folder("0123456789ABCDEF-900")));
}

static void a_folder_that_is_gone_is_named(void **state) {
    (void)state;
    int fd;
    directory_remove(folder);
    assert_int_equal(take(of("a"), &fd), -EXIT_RUN);
    assert_has(failure.text, folder);
}

#define FRESH(test) cmocka_unit_test_setup(test, empty)
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell_contents_apart),        FRESH(what_was_used_longest_ago_gives_way),
        FRESH(a_part_counts_whole_from_its_beginning),      FRESH(only_what_was_looked_at_is_dropped),
        FRESH(other_files_are_neither_counted_nor_removed), FRESH(a_folder_that_is_gone_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
