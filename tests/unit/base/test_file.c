#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void assert_holds(const char *path, const void *bytes, size_t size) {
    struct buffer buffer = {0};
    assert_int_equal(file_read(path, size + 1, &buffer), 0);
    assert_int_equal(buffer.size, size);
    assert_memory_equal(buffer.bytes, bytes, size);
    buffer_release(&buffer);
}

static void assert_absent(const char *path) {
    struct stat info;
    if (!lstat(path, &info)) fail_msg("%s is there", path);
}

static void assert_temporary_absent(const char *path) {
    char *temporary = xformat("%s.tmp", path);
    assert_absent(temporary);
    free(temporary);
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    const size_t sizes[] = {0, 1, 4095, 4096, 65535, 65536, 65537, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *bytes = xmalloc(sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++) bytes[at] = (char)(at * 7 + at / 251);
        assert_int_equal(file_write(in_folder("file"), bytes, sizes[i]), 0);
        assert_temporary_absent(in_folder("file"));
        assert_holds(in_folder("file"), bytes, sizes[i]);
        struct file_map map;
        assert_int_equal(file_map_open(&map, in_folder("file")), 0);
        assert_int_equal(map.size, sizes[i]);
        if (sizes[i])
            assert_memory_equal(map.bytes, bytes, sizes[i]);
        else
            assert_null(map.bytes);
        file_map_close(&map);
        assert_null(map.bytes);
        free(bytes);
    }
}

static void reading_appends_and_ends_with_a_nul(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_text(&buffer, "before ");
    assert_int_equal(file_write(in_folder("file"), "after", 5), 0);
    assert_int_equal(file_read(in_folder("file"), 5, &buffer), 0);
    assert_string_equal(buffer.bytes, "before after");
    buffer_release(&buffer);
}

static void more_than_the_limit_is_refused(void **state) {
    (void)state;
    struct buffer buffer = {0};
    char *bytes = xcalloc(200001, 1);
    assert_int_equal(file_write(in_folder("file"), bytes, 200001), 0);
    free(bytes);
    listen_in();
    int status = file_read(in_folder("file"), 200000, &buffer);
    const char *text = heard();
    assert_int_equal(status, -EXIT_DATA);
    assert_has(text, in_folder("file"));
    assert_has(text, "more than 200000 bytes");
    assert_true(buffer.size < 300000);
    buffer_release(&buffer);
}

static void standard_input_is_a_dash(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(file_write(in_folder("input"), "words", 5), 0);
    int saved = dup(0), from = open(in_folder("input"), O_RDONLY);
    dup2(from, 0);
    int status = file_read("-", 100, &buffer);
    dup2(saved, 0);
    close(saved);
    close(from);
    clearerr(stdin);
    assert_int_equal(status, 0);
    assert_string_equal(buffer.bytes, "words");
    buffer_release(&buffer);
}

static int read_one(const char *path) {
    struct buffer buffer = {0};
    int status = file_read(path, 100, &buffer);
    buffer_release(&buffer);
    return status;
}

static int map_one(const char *path) {
    struct file_map map;
    int status = file_map_open(&map, path);
    if (map.bytes) abort();
    file_map_close(&map);
    return status;
}

static int write_one(const char *path) {
    return file_write(path, "x", 1);
}

static int open_aside(const char *path) {
    struct aside aside;
    int status = aside_open(&aside, path);
    if (aside.file || aside.path || aside.temporary) abort();
    return status;
}

static int check_one(const char *path) {
    return file_check_output("--out", path);
}

static int copy_there(const char *path) {
    return file_copy(in_folder("plain"), path);
}

static int copy_it(const char *path) {
    return file_copy(path, in_folder("copy"));
}

// What each call says about a path it cannot have: the path, the reason, the remedy.
static void failures_name_path_reason_and_remedy(void **state) {
    (void)state;
    const struct {
        int (*call)(const char *path);
        const char *path;
        int code;
        const char *reason, *remedy;
    } table[] = {
        {read_one, "missing", EXIT_DATA, "No such file", "check the name"},
        {read_one, "missing/file", EXIT_DATA, "No such file", "its directory exists"},
        {read_one, "plain/file", EXIT_DATA, "Not a directory", "a part of its path"},
        {read_one, ".", EXIT_DATA, "Is a directory", "name a file in it"},
        {map_one, "missing", EXIT_DATA, "No such file", "check the name"},
        {map_one, ".", EXIT_DATA, "not a regular file", ""},
        {write_one, "missing/file", EXIT_RUN, "No such file", "its directory exists"},
        {write_one, "plain/file", EXIT_RUN, "Not a directory", "a part of its path"},
        {write_one, "full-directory", EXIT_RUN, "Is a directory", "name a file in it"},
        {open_aside, "missing/file", EXIT_RUN, "No such file", "its directory exists"},
        {check_one, "missing/file", EXIT_RUN, "No such file", "its directory exists"},
        {check_one, "plain/file", EXIT_RUN, "Not a directory", "a part of its path"},
        {check_one, "full-directory", EXIT_RUN, "Is a directory", "name a file in it"},
        {check_one, "full-directory/", EXIT_RUN, "--out", "name a file in it"},
        {copy_there, "missing/file", EXIT_RUN, "No such file", "its directory exists"},
        {copy_it, "missing", EXIT_DATA, "No such file", "check the name"},
        {directory_make, "plain", EXIT_RUN, "File exists", "in the way"},
        {directory_sync, "missing", EXIT_RUN, "No such file", "check the name"},
        {directory_remove, "plain/below", EXIT_RUN, "Not a directory", "a part of its path"},
    };
    assert_int_equal(file_write(in_folder("plain"), "x", 1), 0);
    assert_int_equal(directory_make(in_folder("full-directory/below")), 0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *path = in_folder(table[i].path);
        listen_in();
        int status = table[i].call(path);
        const char *text = heard();
        if (status != -table[i].code) fail_msg("row %zu: %d, %s", i, status, text);
        assert_has(text, table[i].path);
        assert_has(text, table[i].reason);
        assert_has(text, table[i].remedy);
        assert_temporary_absent(in_folder(table[i].path));
    }
    assert_absent(in_folder("copy"));
    assert_holds(in_folder("plain"), "x", 1);
}

static void a_file_in_place_of_a_parent_is_named(void **state) {
    (void)state;
    assert_int_equal(file_write(in_folder("plain"), "x", 1), 0);
    listen_in();
    int status = directory_make(in_folder("plain/below"));
    const char *text = heard();
    assert_int_equal(status, -EXIT_RUN);
    assert_has(text, "/plain: the directory cannot be made: File exists; a file of that name is in the way");
}

static void a_directory_needs_a_name(void **state) {
    (void)state;
    listen_in();
    int status = directory_make("");
    const char *text = heard();
    assert_int_equal(status, -EXIT_RUN);
    assert_has(text, "without a name");
}

// Writes `count` blocks of `size` bytes aside and commits; returns the status.
static int write_blocks(const char *path, size_t count, size_t size) {
    struct aside aside;
    char *block = xcalloc(size, 1);
    int status = aside_open(&aside, path);
    for (size_t i = 0; i < count && !status; i++) fwrite(block, 1, size, aside.file);
    errno = EACCES; // of something else between the write and the commit
    if (!status) status = aside_commit(&aside);
    free(block);
    return status;
}

// The temporary name leads to a device that is always full.
static void a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    const struct { size_t count, size; } writes[] = {{1, 1}, {1, 1 << 20}, {9, 5000}, {3, 1 << 20}};
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        assert_int_equal(file_write(in_folder("kept"), "old", 3), 0);
        assert_int_equal(symlink("/dev/full", in_folder("kept.tmp")), 0);
        listen_in();
        int status = write_blocks(in_folder("kept"), writes[i].count, writes[i].size);
        const char *text = heard();
        assert_int_equal(status, -EXIT_RUN);
        assert_has(text, in_folder("kept"));
        assert_has(text, "No space left on device");
        assert_has(text, "free some space");
        assert_absent(in_folder("kept.tmp"));
        assert_holds(in_folder("kept"), "old", 3);
    }
}

static void past_the_size_limit(void) {
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {100000, 100000};
    if (setrlimit(RLIMIT_FSIZE, &limit)) abort();
    _exit(-write_blocks(in_folder("large"), 3, 50000));
}

static void a_file_that_grows_too_large_is_not_there(void **state) {
    (void)state;
    assert_exits(past_the_size_limit, EXIT_RUN, "raise the limit on file sizes");
    assert_absent(in_folder("large"));
    assert_absent(in_folder("large.tmp"));
}

static void a_file_appears_when_it_is_committed(void **state) {
    (void)state;
    struct aside aside;
    assert_int_equal(aside_open(&aside, in_folder("late")), 0);
    fputs("whole", aside.file);
    assert_absent(in_folder("late"));
    assert_true(file_exists(in_folder("late.tmp")));
    assert_int_equal(aside_commit(&aside), 0);
    assert_null(aside.file);
    assert_holds(in_folder("late"), "whole", 5);
    assert_absent(in_folder("late.tmp"));
}

static void an_abandoned_file_leaves_nothing(void **state) {
    (void)state;
    struct aside aside;
    assert_int_equal(aside_open(&aside, in_folder("gone")), 0);
    fputs("part", aside.file);
    fflush(aside.file);
    aside_abandon(&aside);
    assert_null(aside.file);
    assert_absent(in_folder("gone"));
    assert_absent(in_folder("gone.tmp"));
}

static void an_output_is_checked_and_nothing_is_left(void **state) {
    (void)state;
    struct strings names = {0};
    char *longest = xformat("%s/%0251d", in_folder("out"), 1);
    assert_int_equal(directory_make(in_folder("out")), 0);
    assert_int_equal(check_one(in_folder("out/new")), 0);
    assert_int_equal(check_one(longest), 0); // with ".tmp" a name of 255 bytes
    assert_int_equal(directory_list(in_folder("out"), &names), 0);
    assert_int_equal(names.count, 0);
    assert_int_equal(file_write(in_folder("out/there"), "old", 3), 0);
    assert_int_equal(symlink("there", in_folder("out/link")), 0);
    assert_int_equal(mkfifo(in_folder("out/fifo"), 0600), 0);
    assert_int_equal(check_one(in_folder("out/there")), 0);
    assert_int_equal(check_one(in_folder("out/link")), 0);
    assert_int_equal(check_one(in_folder("out/fifo")), 0); // without a reader, who is not kept waiting for one
    assert_int_equal(check_one("/dev/null"), 0);
    assert_int_equal(check_one("-"), 0);
    assert_holds(in_folder("out/there"), "old", 3);
    listen_in();
    int unnamed = check_one("");
    assert_has(heard(), "--out: the name of the file is empty");
    assert_int_equal(unnamed, -EXIT_RUN);
    strings_release(&names);
    free(longest);
}

static void a_link_stays_and_its_file_is_replaced(void **state) {
    (void)state;
    struct stat info;
    assert_int_equal(directory_make(in_folder("elsewhere")), 0);
    assert_int_equal(file_write(in_folder("elsewhere/file"), "old", 3), 0);
    assert_int_equal(symlink("elsewhere/file", in_folder("shortcut")), 0);
    assert_int_equal(file_write(in_folder("shortcut"), "newer", 5), 0);
    assert_int_equal(lstat(in_folder("shortcut"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_holds(in_folder("elsewhere/file"), "newer", 5);
}

static void write_to_descriptor(void) {
    int pipe_ends[2];
    char got[8] = {0};
    if (pipe(pipe_ends) || dup2(pipe_ends[1], 9) < 0 || file_write("/dev/fd/9", "through", 7)) abort();
    if (read(pipe_ends[0], got, sizeof got) != 7 || strcmp(got, "through")) abort();
    _exit(0);
}

static void devices_and_descriptors_are_written_as_they_stand(void **state) {
    (void)state;
    struct stat info;
    assert_int_equal(file_write("/dev/null", "x", 1), 0);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    listen_in();
    int status = file_write("/dev/full", "x", 1);
    assert_has(heard(), "/dev/full: cannot be written: No space left");
    assert_int_equal(status, -EXIT_RUN);
    assert_exits(write_to_descriptor, 0, "");
}

static void write_beside(void) {
    if (chdir(folder) || file_write("beside", "here", 4)) abort();
    _exit(0);
}

static void a_name_without_a_directory_is_written_here(void **state) {
    (void)state;
    assert_exits(write_beside, 0, "");
    assert_holds(in_folder("beside"), "here", 4);
}

static void a_copy_is_the_same(void **state) {
    (void)state;
    assert_int_equal(file_write(in_folder("from"), "a\0b", 3), 0);
    assert_int_equal(file_copy(in_folder("from"), in_folder("to")), 0);
    assert_holds(in_folder("to"), "a\0b", 3);
    assert_int_equal(file_copy(in_folder("from"), in_folder("from")), 0);
    assert_holds(in_folder("from"), "a\0b", 3);
    assert_int_equal(file_write(in_folder("from"), "", 0), 0);
    assert_int_equal(file_copy(in_folder("from"), in_folder("to")), 0);
    assert_holds(in_folder("to"), "", 0);
}

static void directories_are_made_with_their_parents(void **state) {
    (void)state;
    assert_int_equal(directory_make(in_folder("a/b//c/")), 0);
    assert_true(directory_exists(in_folder("a/b/c")));
    assert_int_equal(directory_make(in_folder("a/b/c")), 0);
    assert_int_equal(directory_make("/"), 0);
    assert_int_equal(directory_sync(in_folder("a")), 0);
}

static void private_directories_are_their_owners_whatever_the_umask_is(void **state) {
    (void)state;
    struct stat info;
    const mode_t before = umask(0);
    for (int i = 0; i < 3; i++) { // made, found, and found with other permissions
        if (i == 2) assert_int_equal(chmod(in_folder("private"), 01777), 0);
        assert_int_equal(directory_make_private(in_folder("private")), 0);
        assert_int_equal(stat(in_folder("private"), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0700);
    }
    assert_int_equal(umask(before), 0);
    assert_int_equal(file_write(in_folder("not-private"), "", 0), 0);
    listen_in();
    assert_int_equal(directory_make_private(in_folder("not-private")), -EXIT_RUN);
    heard();
}

static void existence_tells_files_from_directories(void **state) {
    (void)state;
    assert_int_equal(directory_make(in_folder("kind")), 0);
    assert_int_equal(file_write(in_folder("kind/file"), "", 0), 0);
    assert_true(directory_exists(in_folder("kind")));
    assert_false(file_exists(in_folder("kind")));
    assert_true(file_exists(in_folder("kind/file")));
    assert_false(directory_exists(in_folder("kind/file")));
    assert_false(file_exists(in_folder("kind/none")));
    assert_false(directory_exists(in_folder("kind/none")));
}

static void a_directory_goes_with_all_that_is_in_it(void **state) {
    (void)state;
    assert_int_equal(directory_make(in_folder("tree/deep/deeper")), 0);
    assert_int_equal(directory_make(in_folder("outside")), 0);
    assert_int_equal(file_write(in_folder("outside/stays"), "x", 1), 0);
    assert_int_equal(file_write(in_folder("tree/deep/file"), "x", 1), 0);
    assert_int_equal(symlink(in_folder("outside"), in_folder("tree/link")), 0);
    assert_int_equal(symlink("nowhere", in_folder("tree/dangling")), 0);
    assert_int_equal(directory_remove(in_folder("tree")), 0);
    assert_absent(in_folder("tree"));
    assert_holds(in_folder("outside/stays"), "x", 1);
    assert_int_equal(directory_remove(in_folder("tree")), 0);
}

static void a_directory_is_listed(void **state) {
    (void)state;
    struct strings names = {0};
    assert_int_equal(directory_make(in_folder("list/.hidden")), 0);
    assert_int_equal(file_write(in_folder("list/file"), "", 0), 0);
    assert_int_equal(directory_list(in_folder("list"), &names), 0);
    assert_int_equal(names.count, 2);
    assert_true(!strcmp(names.item[0], "file") != !strcmp(names.item[1], "file"));
    assert_int_equal(directory_list(in_folder("list/missing"), &names), 0);
    assert_int_equal(names.count, 2);
    listen_in();
    int status = directory_list(in_folder("list/file"), &names);
    const char *text = heard();
    assert_int_equal(status, -EXIT_DATA);
    assert_has(text, "list/file");
    strings_release(&names);
}

static void paths_join(void **state) {
    (void)state;
    const char *const table[][3] = {{"runs", "a", "runs/a"}, {"runs/", "a", "runs/a"}, {"runs", "/a", "/a"},
                                    {"", "a", "a"},          {"/", "a", "/a"},         {"runs", "", "runs/"},
                                    {".", "a/b", "./a/b"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *joined = path_join(table[i][0], table[i][1]);
        assert_string_equal(joined, table[i][2]);
        free(joined);
    }
    assert_string_equal(path_base("a/b.c"), "b.c");
    assert_string_equal(path_base("b.c"), "b.c");
    assert_string_equal(path_base("/b"), "b");
    assert_string_equal(path_base("a/"), "");
}

static void a_name_stands_in_its_parent(void **state) {
    (void)state;
    const char *const table[][2] = {{"a/b.c", "a"}, {"b.c", "."},    {"/b", "/"},
                                    {"a//b", "a"},  {"a/b/", "a/b"}, {"", "."}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *parent = path_parent(table[i][0]);
        assert_string_equal(parent, table[i][1]);
        free(parent);
    }
    listen_in();
    int status = path_sync(in_folder("missing/file"));
    const char *text = heard();
    assert_int_equal(status, -EXIT_RUN);
    assert_has(text, "missing/file");
}

static void a_file_has_others_beside_it(void **state) {
    (void)state;
    const char *const table[][2] = {{"a/b.c", "a/x"}, {"b.c", "x"}, {"/b", "/x"}, {"a/", "a/x"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *beside = path_beside(table[i][0], "x");
        assert_string_equal(beside, table[i][1]);
        free(beside);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(reading_appends_and_ends_with_a_nul),
        cmocka_unit_test(more_than_the_limit_is_refused),
        cmocka_unit_test(standard_input_is_a_dash),
        cmocka_unit_test(failures_name_path_reason_and_remedy),
        cmocka_unit_test(a_file_in_place_of_a_parent_is_named),
        cmocka_unit_test(a_directory_needs_a_name),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(a_file_that_grows_too_large_is_not_there),
        cmocka_unit_test(a_file_appears_when_it_is_committed),
        cmocka_unit_test(an_abandoned_file_leaves_nothing),
        cmocka_unit_test(an_output_is_checked_and_nothing_is_left),
        cmocka_unit_test(a_link_stays_and_its_file_is_replaced),
        cmocka_unit_test(devices_and_descriptors_are_written_as_they_stand),
        cmocka_unit_test(a_name_without_a_directory_is_written_here),
        cmocka_unit_test(a_copy_is_the_same),
        cmocka_unit_test(directories_are_made_with_their_parents),
        cmocka_unit_test(private_directories_are_their_owners_whatever_the_umask_is),
        cmocka_unit_test(existence_tells_files_from_directories),
        cmocka_unit_test(a_directory_goes_with_all_that_is_in_it),
        cmocka_unit_test(a_directory_is_listed),
        cmocka_unit_test(paths_join),
        cmocka_unit_test(a_name_stands_in_its_parent),
        cmocka_unit_test(a_file_has_others_beside_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
