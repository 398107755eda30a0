// Opening backends, their memory, and profiling.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fail.h"
#include "ops/cpu/kernels.h"
#include "ops/ops.h"

static void test_devices(void **state) {
    (void)state;
    static const char *const refused[] = {"gpu", "cpux", "", "cpu:x", "cpu:-1", "cuda:1000"};
    struct ops *ops = NULL;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(ops_open(&ops, refused[i], DT_F32, 1), -EXIT_USAGE);
    assert_int_equal(ops_open(&ops, "cpu", DT_F16, 1), -EXIT_USAGE);
    assert_int_equal(ops_open(&ops, "reference", DT_BF16, 1), -EXIT_USAGE);
    assert_int_equal(ops_open(&ops, "cpu", DT_BF16, 1), kernels_for(DT_BF16) ? 0 : -EXIT_USAGE);
    ops_close(&ops);
    ops_close(&ops); // closing nothing is fine
}

static void test_threads(void **state) {
    (void)state;
    struct ops *ops;
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 0), 0);
    assert_true(ops->threads >= 1);
    ops_close(&ops);
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 5), 0);
    assert_int_equal(ops->threads, 5);
    ops_close(&ops);
}

static void test_memory(void **state) {
    (void)state;
    struct ops *ops;
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 2), 0);
    unsigned char *memory = ops_allocate(ops, 100000), zero[1000] = {0};
    for (int i = 0; i < 100; i++) assert_memory_equal(memory + 1000 * i, zero, sizeof zero);
    assert_int_equal((uintptr_t)memory % 64, 0);
    ops_release(ops, memory);
    ops_close(&ops);
}

// Runs ops_profile_report with stderr in a file, and returns what it printed.
static const char *profile_text(struct ops *ops) {
    static char text[4096];
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    ops_profile_report(ops, 1);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void test_profile(void **state) {
    (void)state;
    struct ops *ops;
    float a[3] = {1, 2, 3}, sum[3];
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 1), 0);
    ops_profile_start(ops);
    ops_profile_start(ops); // once is enough
    for (int i = 0; i < 7; i++) ops->add(ops, sum, a, a, 3);
    assert_true(sum[2] == 6);
    int calls = 0;
    const char *line = strstr(profile_text(ops), "\nadd ");
    assert_non_null(line);
    assert_int_equal(sscanf(line, " add %d", &calls), 1);
    assert_int_equal(calls, 7);
    assert_null(strstr(profile_text(ops), "adamw"));
    ops_close(&ops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
