// Progress: a line in a log, a bar on a terminal.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage/progress.h"

// Runs the work with stderr at `fd`, and gives it back.
static void with_stderr(int fd, void (*work)(void)) {
    int old = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    work();
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(old);
}

static void count_to_ten(void) {
    struct progress *progress = progress_new("pack", 10, "samples");
    for (int i = 1; i <= 10; i++) {
        usleep(30000);
        progress_set(progress, i, "loss 3.21");
    }
    progress_done(&progress);
}

static void count_without_end(void) {
    struct progress *progress = progress_new("list", 0, "pictures");
    progress_set(progress, 3, NULL);
    progress_done(&progress);
}

static void resume(void) {
    struct progress *progress = progress_new("train", 100, "steps");
    usleep(100000);
    progress_set(progress, 91, NULL); // ninety of them in an earlier process
    progress_done(&progress);
}

static char text[8192];
static const char *log_of(void (*work)(void)) {
    char path[] = "/tmp/coca-progress-XXXXXX";
    int fd = mkstemp(path);
    with_stderr(fd, work);
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = 0;
    close(fd);
    unlink(path);
    return text;
}

static void test_log(void **state) {
    (void)state;
    double rate;
    assert_int_equal(sscanf(log_of(count_to_ten), "pack 10/10 samples, %lf/s, took 0:00\n", &rate), 1);
    assert_true(rate > 3 && rate < 34);
    assert_null(strchr(text, '\r'));
    assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text)); // one line: there is another only every few seconds
    assert_non_null(strstr(log_of(count_without_end), "list 3 pictures"));
}

static void test_rate_is_of_this_process(void **state) {
    (void)state;
    double rate;
    assert_int_equal(sscanf(log_of(resume), "train 91/100 steps, %lf/s, %*d:%*d left, took", &rate), 1);
    assert_true(rate < 11);
}

static void test_terminal(void **state) {
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    text[0] = 0;
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    with_stderr(terminal, count_to_ten);
    size_t size = 0;
    for (ssize_t more = 1; more > 0 && !strstr(text, "took"); text[size] = 0) {
        more = read(master, text + size, sizeof text - 1 - size);
        size += more > 0 ? (size_t)more : 0;
    }
    assert_non_null(strstr(text, "\rpack [")); // drawn over itself
    assert_non_null(strstr(text, "loss 3.21"));
    assert_non_null(strstr(text, "[========================] 10/10 samples"));
    close(terminal);
    close(master);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_rate_is_of_this_process),
        cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
