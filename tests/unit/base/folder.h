// A folder of its own for each test, and asserts on what libraries return and say.
#pragma once

#include "support.h"

static char tests_folder[256];       // where parity/ and unit/ are
static void (*before_leaving)(void); // NULL, or what a test's own header gives back

static inline int enter_folder(void **state) {
    (void)state;
    if (!tests_folder[0] && !getcwd(tests_folder, sizeof tests_folder)) return -1;
    strcpy(folder, "/tmp/coca-unit-XXXXXX");
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static inline int leave_folder(void **state) {
    (void)state;
    if (before_leaving) before_leaving();
    return chdir(tests_folder) || directory_remove(folder) ? -1 : 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

// What an action said on stderr, with its status asserted.
#define assert_refused(code, words, call)                                                                              \
    do {                                                                                                               \
        listen_in();                                                                                                   \
        int refusal = (call);                                                                                          \
        const char *said = heard();                                                                                    \
        if (refusal != -(code)) fail_msg("%s: %d, not %d: %s", #call, refusal, -(code), said);                         \
        assert_has(said, words);                                                                                       \
    } while (0)

#define assert_done(call)                                                                                              \
    do {                                                                                                               \
        int outcome = (call);                                                                                          \
        if (outcome) fail_msg("%s: %d", #call, outcome);                                                               \
    } while (0)
