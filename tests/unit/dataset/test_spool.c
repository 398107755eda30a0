// Lists that are written while they are read, in batches that may end early.
#include "../base/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataset/spool.h"
#include "dataset/spool_writer.h"

enum { BATCH = 5, MANY = 5000 };
static char *path;

static int make(void **state) {
    if (make_folder(state)) return -1;
    path = path_join(folder, "list");
    return 0;
}

static int clear(void **state) {
    free(path);
    return remove_folder(state);
}

static void write_text(struct spool_writer *writer, const char *text) {
    spool_write(writer, text, strlen(text));
}

static void expect_lines(struct spool *spool, int64_t lines, bool growing) {
    int64_t found;
    bool more;
    assert_int_equal(spool_look(spool, &found, &more), 0);
    assert_int_equal(found, lines);
    assert_int_equal(more, growing);
}

static void expect_filled(struct spool *spool, int64_t first, int count, int wanted) {
    int filled;
    assert_int_equal(spool_filled(spool, first, count, &filled), 0);
    assert_int_equal(filled, wanted);
}

static void test_a_batch_that_is_cut_is_full_of_fillers(void **state) {
    struct spool_writer writer;
    struct spool *spool;
    (void)state;
    assert_int_equal(spool_writer_open(&writer, path, BATCH), 0);
    assert_int_equal(spool_open(&spool, path, SPOOL_NUL), 0);
    spool_cut(&writer); // nothing was begun
    write_text(&writer, "a");
    write_text(&writer, "");
    assert_int_equal(spool_begun(&writer), 2);
    expect_lines(spool, 0, true);
    assert_int_equal(spool_flush(&writer), 0);
    expect_lines(spool, 2, true);
    spool_cut(&writer);
    assert_int_equal(spool_begun(&writer), 0);
    for (int i = 0; i < BATCH; i++) write_text(&writer, "b");
    spool_cut(&writer);
    write_text(&writer, "c");
    assert_int_equal(spool_writer_close(&writer), 0);
    expect_lines(spool, 2 * BATCH + 1, false);
    expect_filled(spool, 0, BATCH, 2); // an empty line is a line
    expect_filled(spool, BATCH, BATCH, BATCH);
    expect_filled(spool, 2 * BATCH, 1, 1);
    spool_close(&spool);
}

// Line i has i mod 97 letters, so that lines begin everywhere.
static void expect_line(struct spool *spool, int64_t i) {
    const char *line;
    char number[32];
    assert_int_equal(spool_line(spool, i, &line), 0);
    snprintf(number, sizeof number, "%d ", (int)i);
    assert_memory_equal(line, number, strlen(number));
    assert_int_equal(strspn(line + strlen(number), "x"), i % 97);
    assert_int_equal(strlen(line), strlen(number) + (size_t)(i % 97));
}

static void test_lines_are_found_in_any_order(void **state) {
    struct spool_writer writer;
    struct spool *spool;
    (void)state;
    assert_int_equal(spool_writer_open(&writer, path, BATCH), 0);
    for (int i = 0; i < MANY; i++) {
        char text[160];
        int length = snprintf(text, sizeof text, "%d ", i);
        memset(text + length, 'x', (size_t)(i % 97));
        spool_write(&writer, text, (size_t)(length + i % 97));
    }
    assert_int_equal(spool_writer_close(&writer), 0);
    assert_int_equal(spool_open(&spool, path, SPOOL_NUL), 0);
    expect_lines(spool, MANY, false);
    for (int64_t i = 0; i < MANY; i++) expect_line(spool, i);
    for (int64_t i = MANY - 1; i >= 0; i -= 37) expect_line(spool, i);
    for (int64_t i = 0; i < MANY; i++) expect_line(spool, i * 2741 % MANY);
    spool_close(&spool);
}

// A list of the same path as one that was closed grows anew.
static void test_a_path_is_used_again(void **state) {
    struct spool_writer writer;
    struct spool *spool;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spool_writer_open(&writer, path, BATCH), 0);
        write_text(&writer, "a");
        assert_int_equal(spool_flush(&writer), 0);
        assert_int_equal(spool_open(&spool, path, SPOOL_NUL), 0);
        expect_lines(spool, 1, true);
        write_text(&writer, "b");
        assert_int_equal(spool_writer_close(&writer), 0);
        expect_lines(spool, 2, false);
        spool_close(&spool);
    }
}

static bool can_punch(void) {
    const int fd = open(folder, O_TMPFILE | O_RDWR, 0600);
    const bool can = fd >= 0 && !ftruncate(fd, 1 << 20) &&
                     !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 19);
    if (fd >= 0) close(fd);
    return can;
}

// Whoever opens the list then finds its lines under their numbers, and who had it open still does.
static void test_a_list_that_lost_its_front(void **state) {
    enum { LINES = 100 * SPOOL_STRIDE, FORGOTTEN = LINES - 3000 };
    struct spool_writer writer;
    struct spool *early, *late;
    char text[128];
    struct stat info;
    (void)state;
    assert_int_equal(spool_writer_open(&writer, path, BATCH), 0);
    assert_int_equal(spool_open(&early, path, SPOOL_NUL), 0);
    for (int i = 0; i < LINES; i++) {
        const int size = snprintf(text, sizeof text, "%d ", i);
        memset(text + size, 'x', (size_t)(i % 97));
        spool_write(&writer, text, (size_t)(size + i % 97));
    }
    assert_int_equal(spool_flush(&writer), 0);
    expect_lines(early, LINES, true);
    assert_int_equal(spool_forget(&writer, FORGOTTEN), 0);
    assert_int_equal(stat(path, &info), 0);
    if (can_punch()) assert_true(info.st_blocks * 512 < info.st_size / 2);
    assert_int_equal(spool_open(&late, path, SPOOL_NUL), 0);
    expect_lines(late, LINES, true);
    for (int64_t i = FORGOTTEN; i < LINES; i += 7) {
        expect_line(late, i);
        expect_line(early, i);
    }
    const char *line;
    assert_int_equal(spool_line(late, 5, &line), -EXIT_DATA);
    write_text(&writer, "last");
    assert_int_equal(spool_writer_close(&writer), 0);
    expect_lines(late, LINES + 1, false);
    spool_close(&early);
    spool_close(&late);
    assert_int_equal(spool_writer_open(&writer, path, BATCH), 0); // another list of this name begins at its front
    write_text(&writer, "first");
    assert_int_equal(spool_writer_close(&writer), 0);
    assert_int_equal(spool_open(&late, path, SPOOL_NUL), 0);
    expect_lines(late, 1, false);
    spool_close(&late);
}

static void test_what_cannot_be_a_line(void **state) {
    (void)state;
    char *text = xcalloc(SPOOL_LINE_LIMIT, 1);
    memset(text, 'x', SPOOL_LINE_LIMIT);
    assert_non_null(spool_refuses(text, SPOOL_LINE_LIMIT));
    assert_null(spool_refuses(text, SPOOL_LINE_LIMIT - 1));
    free(text);
    assert_non_null(spool_refuses("a\0b", 3));
    assert_non_null(spool_refuses(SPOOL_FILLER, strlen(SPOOL_FILLER)));
    assert_null(spool_refuses("\f", 1));
    assert_null(spool_refuses("two\nlines", 9));
    assert_null(spool_refuses("", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_that_is_cut_is_full_of_fillers),
        cmocka_unit_test(test_lines_are_found_in_any_order),
        cmocka_unit_test(test_a_path_is_used_again),
        cmocka_unit_test(test_a_list_that_lost_its_front),
        cmocka_unit_test(test_what_cannot_be_a_line),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
