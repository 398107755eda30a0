#include "support.h"

static void words_name_the_program_and_the_kind(void **state) {
    (void)state;
    listen_in();
    note("%d pictures", 3);
    warn("%s", "odd");
    int status = error(EXIT_DATA, "%s: cut short", "a.lmdb");
    const char *text = heard();
    assert_string_equal(text,
                        "cocaflow: note: 3 pictures\ncocaflow: warning: odd\ncocaflow: error: a.lmdb: cut short\n");
    assert_int_equal(status, -3);
}

static void a_name_may_be_given(void **state) {
    (void)state;
    fail_name("coca-loss");
    listen_in();
    note("ready");
    const char *text = heard();
    fail_name("cocaflow");
    assert_string_equal(text, "coca-loss: note: ready\n");
}

static void errors_carry_their_exit_code(void **state) {
    (void)state;
    const enum exit_code codes[] = {EXIT_RUN, EXIT_USAGE, EXIT_DATA, EXIT_PEER};
    for (int i = 0; i < 4; i++) {
        listen_in();
        int status = error(codes[i], "x");
        heard();
        assert_int_equal(status, -(i + 1));
    }
}

static void a_long_text_is_cut_to_one_line(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    listen_in();
    note("%s", text);
    const char *line = heard();
    assert_int_equal(strlen(line), 2047);
    assert_ptr_equal(strchr(line, '\n'), line + 2046);
}

static void control_characters_stay_off_the_terminal(void **state) {
    (void)state;
    listen_in();
    warn("tensor \"%s\"", "a\033[2Jb\nc\td\177\xc2\x9b\xe2\x80\xae\xff");
    const char *text = heard();
    assert_string_equal(text, "cocaflow: warning: tensor \"a [2Jb c d   ?\"\n");
}

static void run_die(void) {
    die(EXIT_USAGE, "unknown option %s", "--x");
}

static void run_bug(void) {
    bug("%d is odd", 3);
}

static void die_exits_and_bug_aborts(void **state) {
    (void)state;
    assert_exits(run_die, EXIT_USAGE, "cocaflow: error: unknown option --x\n");
    assert_aborts(run_bug, "cocaflow: bug: ");
    assert_aborts(run_bug, "test_fail.c:");
    assert_aborts(run_bug, ": 3 is odd\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_name_the_program_and_the_kind),
        cmocka_unit_test(a_name_may_be_given),
        cmocka_unit_test(errors_carry_their_exit_code),
        cmocka_unit_test(a_long_text_is_cut_to_one_line),
        cmocka_unit_test(control_characters_stay_off_the_terminal),
        cmocka_unit_test(die_exits_and_bug_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
