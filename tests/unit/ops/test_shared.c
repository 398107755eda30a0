// Memory that two processes have open: each writes through its backend what the other reads through its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/ops.h"

enum { BYTES = 3 << 20, OFFSET = 4096, PART = 70001 };

static char pattern(int seed, int i) {
    return (char)(i * 31 + i / 251 + seed);
}

// Through device memory, as a stage's tower does.
static void write_part(struct ops *ops, char *shared, int seed) {
    char *host = malloc(PART), *device = ops_allocate(ops, PART);
    for (int i = 0; i < PART; i++) host[i] = pattern(seed, i);
    ops->upload(ops, device, host, PART);
    ops->download(ops, shared + OFFSET, device, PART);
    ops_release(ops, device);
    free(host);
}

static bool holds_part(struct ops *ops, const char *shared, int seed) {
    char *host = malloc(PART), *device = ops_allocate(ops, PART);
    ops->upload(ops, device, shared + OFFSET, PART);
    ops->download(ops, host, device, PART);
    bool same = true;
    for (int i = 0; i < PART; i++) same = same && host[i] == pattern(seed, i);
    ops_release(ops, device);
    free(host);
    return same;
}

// The other process: reads the handle from its pipe, what lies there, and answers in the same memory. Its exit code.
static int other(const char *device, int handle) {
    struct shared_memory memory = {0};
    struct ops *ops;
    if (read(handle, memory.handle, sizeof memory.handle) != sizeof memory.handle) return 1;
    if (ops_open(&ops, device, DT_F32, 1)) return 2;
    ops->open_shared(ops, &memory);
    if (!memory.at || memory.bytes != BYTES) return 3;
    if (!holds_part(ops, memory.at, 1)) return 4;
    write_part(ops, memory.at, 2);
    ops->close_shared(ops, &memory);
    ops_close(&ops);
    return memory.at ? 5 : 0;
}

struct process {
    pid_t id;
    int handle; // write end of its pipe
};

// Before this process opens a GPU, which a child could not use.
static struct process start(const char *device) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t id = fork();
    if (id == 0) {
        close(ends[1]);
        _exit(other(device, ends[0]));
    }
    close(ends[0]);
    return (struct process){id, ends[1]};
}

static int finish(const struct process *process) {
    int status;
    close(process->handle);
    assert_int_equal(waitpid(process->id, &status, 0), process->id);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_sharing(const char *device) {
    struct process process = start(device);
    struct shared_memory memory;
    struct ops *ops;
    if (ops_open(&ops, device, DT_F32, 1)) {
        finish(&process);
        skip();
    }
    ops->share(ops, &memory, BYTES, 0);
    if (!memory.at) fail_msg("%s: no memory can be shared", device);
    write_part(ops, memory.at, 1);
    assert_int_equal(write(process.handle, memory.handle, sizeof memory.handle), sizeof memory.handle);
    assert_int_equal(finish(&process), 0);
    assert_true(holds_part(ops, memory.at, 2));
    ops->close_shared(ops, &memory);
    assert_null(memory.at);
    ops_close(&ops);
}

static void test_sharing(void **state) {
    (void)state;
    check_sharing("cpu");
}

static void test_sharing_cuda(void **state) {
    (void)state;
    check_sharing("cuda:0");
}

// A handle that names nothing of ours is not opened.
static void test_lies(void **state) {
    (void)state;
    struct ops *ops;
    struct shared_memory memory;
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 1), 0);
    ops->share(ops, &memory, 1000, 0);
    for (size_t i = 0; i < sizeof memory.handle; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct shared_memory lie = memory;
            lie.handle[i] ^= (unsigned char)(1 << bit);
            lie.at = NULL;
            ops->open_shared(ops, &lie);
            if (!lie.at) continue;
            bool process = i >= 8 && i < 12; // a thread's number names its process too
            assert_true(process || i >= 32); // what the handle says ends there
            ops->close_shared(ops, &lie);
        }
    ops->close_shared(ops, &memory);
    ops_close(&ops);
}

// What the other process writes before the bytes is not believed: closing closes the maker's own descriptor.
static void test_a_page_that_was_written_over(void **state) {
    (void)state;
    enum { HEAD = 4096 };
    struct ops *ops;
    struct shared_memory memory;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 1), 0);
    ops->share(ops, &memory, 1000, 0);
    for (int *at = (int *)(void *)((char *)memory.at - HEAD); at < (int *)memory.at; at++) *at = ends[0];
    ops->close_shared(ops, &memory);
    ops_close(&ops);
    assert_int_equal(close(ends[0]), 0); // is open still
    assert_int_equal(close(ends[1]), 0);
}

static void test_names(void **state) {
    (void)state;
    assert_true(ops_same_backend("cuda:0", "cuda:1"));
    assert_true(ops_same_backend("cpu", "cpu"));
    assert_false(ops_same_backend("cuda:0", "cpu"));
    assert_false(ops_same_backend("cuda", "cud"));
    assert_int_equal(ops_device_index("cuda:3"), 3);
    assert_int_equal(ops_device_index("cpu"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sharing), cmocka_unit_test(test_sharing_cuda),
                                       cmocka_unit_test(test_lies), cmocka_unit_test(test_a_page_that_was_written_over),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
