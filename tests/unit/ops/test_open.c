// Opening backends, their memory, and profiling.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

static unsigned char pattern(size_t i, size_t seed) {
    return (unsigned char)((i * 2654435761u >> 7) + seed * 31);
}

static void fill(unsigned char *bytes, size_t n, size_t seed) {
    for (size_t i = 0; i < n; i++) bytes[i] = pattern(i, seed);
}

// Uploaded memory may be written again at once, and comes back as it was, whole and from a copy.
static void check_way_and_back(struct ops *ops, size_t n) {
    unsigned char *expected = malloc(n), *host = malloc(n), *device = ops_allocate(ops, n),
                  *copy = ops_allocate(ops, n);
    fill(expected, n, n);
    memcpy(host, expected, n);
    ops->upload(ops, device, host, n);
    memset(host, 0, n);
    ops->copy(ops, copy, device, n);
    ops->zero(ops, device, n / 2);
    ops->download(ops, host, copy, n);
    assert_memory_equal(host, expected, n);
    memset(expected, 0, n / 2);
    ops->download(ops, host, device, n);
    assert_memory_equal(host, expected, n);
    ops_release(ops, device);
    ops_release(ops, copy);
    free(expected);
    free(host);
}

// More small ones than can be under way, from one buffer.
static void check_many_uploads(struct ops *ops) {
    enum { EACH = 40, MANY = 200 };
    unsigned char host[EACH], found[EACH], *device = ops_allocate(ops, MANY * EACH);
    for (size_t i = 0; i < MANY; i++) {
        fill(host, EACH, i);
        ops->upload(ops, device + i * EACH, host, EACH);
    }
    for (size_t i = 0; i < MANY; i++) {
        fill(host, EACH, i);
        ops->download(ops, found, device + i * EACH, EACH);
        assert_memory_equal(found, host, EACH);
    }
    ops_release(ops, device);
}

// Two transfers ahead, while operations are under way.
static void check_ahead(struct ops *ops, size_t n) {
    unsigned char *expected = malloc(n), *host = malloc(n), *ahead = ops_allocate(ops, n), *device[2];
    for (size_t i = 0; i < 2; i++) device[i] = ops_allocate(ops, n);
    for (size_t i = 0; i < 2; i++) {
        fill(host, n, i);
        ops->zero(ops, device[i], n);
        ops->upload_ahead(ops, ahead, host, n);
        ops->take_ahead(ops, device[i], ahead, n);
    }
    for (size_t i = 0; i < 2; i++) {
        fill(expected, n, i);
        ops->download(ops, host, device[i], n);
        assert_memory_equal(host, expected, n);
        ops_release(ops, device[i]);
    }
    ops_release(ops, ahead);
    free(expected);
    free(host);
}

// Sizes around a chunk of the CUDA backend's way to the device, and beyond all of its chunks.
static void check_transfers(const char *device) {
    static const size_t sizes[] = {1, 1023, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, (72 << 20) + 5};
    struct ops *ops;
    if (ops_open(&ops, device, DT_F32, 1)) skip();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_way_and_back(ops, sizes[i]);
        check_ahead(ops, sizes[i]);
    }
    check_many_uploads(ops);
    ops_close(&ops);
}

static void test_transfers(void **state) {
    (void)state;
    check_transfers("cpu");
}

// Skipped without the backend or a GPU, as ops_open says.
static void test_transfers_cuda(void **state) {
    (void)state;
    check_transfers("cuda:0");
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
    ops->upload_ahead(ops, sum, a, sizeof a);
    ops->take_ahead(ops, a, sum, sizeof a);
    assert_non_null(strstr(profile_text(ops), "\nupload_ahead "));
    assert_null(strstr(profile_text(ops), "\nupload ")); // is not timed once more
    assert_null(strstr(profile_text(ops), "\ncopy "));
    ops_close(&ops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),   cmocka_unit_test(test_threads),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_transfers), cmocka_unit_test(test_transfers_cuda), cmocka_unit_test(test_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
