// Run options as if typed, and a folder of its own for each test.
#pragma once

#include "../base/support.h"

#include "train/run_options.h"

static char tests_folder[256]; // where parity/ and unit/ are

static inline int enter_folder(void **state) {
    (void)state;
    if (!tests_folder[0] && !getcwd(tests_folder, sizeof tests_folder)) return -1;
    strcpy(folder, "/tmp/coca-unit-XXXXXX");
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static inline int leave_folder(void **state) {
    (void)state;
    options_release(&run_options_table, run_options_table.given ? 1 : 0);
    return chdir(tests_folder) || directory_remove(folder) ? -1 : 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

// Sets every run option as a command line of these words would; returns what options_parse does.
static inline int type_options(const char *words) {
    char *line = xformat("test %s", words), *argument[64], *rest = line;
    int count = 0;
    for (char *word; (word = strtok_r(rest, " ", &rest));) argument[count++] = word;
    if (run_options_table.given) options_release(&run_options_table, 1);
    options_defaults(&run_options_table, 1);
    int status = options_parse(&run_options_table, 1, count, argument, NULL);
    free(line);
    return status;
}

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
