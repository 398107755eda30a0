// What a process learns of where it runs.
#include "support.h"

#include <sched.h>
#include <sys/resource.h>

#include "base/machine.h"

static void the_folder_holds_this_program(void **state) {
    (void)state;
    char *own = machine_program_folder(), *self = path_join(own, "test_machine");
    assert_true(own[0] == '/');
    assert_true(file_exists(self));
    free(self);
    free(own);
}

static void cores_are_those_that_are_granted(void **state) {
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(machine_cores(), CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
        if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(machine_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void descriptors_are_counted_and_their_limit_is_raised(void **state) {
    (void)state;
    struct rlimit before, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = (struct rlimit){32, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    const int64_t raised = machine_raise_descriptors(), open = machine_open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur == before.rlim_max && raised > 32);
    const int fd = dup(STDERR_FILENO);
    assert_int_equal(machine_open_descriptors(), open + 1);
    close(fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_holds_this_program),
        cmocka_unit_test(cores_are_those_that_are_granted),
        cmocka_unit_test(descriptors_are_counted_and_their_limit_is_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
