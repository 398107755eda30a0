// coca-run's table: quoting, settings, and what is refused before anything starts.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../stages/coca-run/table.h"

static struct table table;

static int read_text(const char *text) {
    table_release(&table);
    return table_read(&table, text, strlen(text));
}

static int release(void **state) {
    (void)state;
    table_release(&table);
    return 0;
}

// The command of the only row, its words between '|'.
static const char *command_of(const char *command) {
    static char joined[256];
    char text[256];
    snprintf(text, sizeof text, "sink s %s", command);
    if (read_text(text)) return "refused";
    *joined = 0;
    for (size_t i = 0; i < table.row[0].command.count; i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", i ? "|" : "",
                 table.row[0].command.item[i]);
    return joined;
}

static void test_words(void **state) {
    (void)state;
    assert_string_equal(command_of("cat a b"), "cat|a|b");
    assert_string_equal(command_of("cat\ta  \t b  \r\n"), "cat|a|b");
    assert_string_equal(command_of("'cat' 'a b' 'it'\\''s' ''"), "cat|a b|it's|");
    assert_string_equal(command_of("cat \"a \\\"b\\\" \\\\ \\n\" c\\ d \\#e"), "cat|a \"b\" \\ \\n|c d|#e");
    assert_string_equal(command_of("cat \"\\$HOME \\`id\\` \\' $HOME\""), "cat|$HOME `id` \\' $HOME");
    assert_string_equal(command_of("cat $HOME `id` * ~ a#b # a comment"), "cat|$HOME|`id`|*|~|a#b");
    assert_string_equal(command_of("cat 'two\nlines' \\\n and\\\nmore"), "cat|two\nlines|and|more");
    assert_string_equal(command_of("cat \\"), "cat|\\");
    assert_string_equal(command_of("cat a=b"), "cat|a=b");
    assert_string_equal(command_of("restarts=1 ./a=b/cat a=b"), "./a=b/cat|a=b");
    assert_string_equal(command_of("cat \xff\xfe"), "cat|\xff\xfe");
    assert_string_equal(command_of("cat 'a b"), "refused");
    assert_string_equal(command_of("cat \"a\\\""), "refused");
}

static void test_rows(void **state) {
    (void)state;
    assert_int_equal(
        read_text("# who makes what\n\nstage encode cat\n  worker decode count=3 restarts=7 within=9 cat x\n"
                  "feeder spool cat\nside watch restarts=2 cat\n then\nsink decode cat"),
        0);
    assert_int_equal(table.count, 6);
    const struct row *row = table.row;
    assert_int_equal(row[0].kind, ROW_STAGE);
    assert_string_equal(row[0].name, "encode");
    assert_int_equal(row[0].count, 1);
    assert_int_equal(row[0].restarts, 0);
    assert_int_equal(row[1].kind, ROW_WORKER);
    assert_int_equal(row[1].count, 3);
    assert_int_equal(row[1].restarts, 7);
    assert_int_equal(row[1].window, 9);
    assert_int_equal(row[1].command.count, 2);
    assert_int_equal(row[2].kind, ROW_FEEDER);
    assert_int_equal(row[3].kind, ROW_SIDE);
    assert_int_equal(row[3].restarts, 2);
    assert_int_equal(row[4].kind, ROW_THEN);
    assert_int_equal(row[5].kind, ROW_SINK); // a name again, of another job
    assert_int_equal(read_text("sink s cat\nagain p cat\nthen\nsink s cat\nagain p restarts=0 within=9 cat x"), 0);
    assert_int_equal(table.row[1].kind, ROW_AGAIN);
    assert_int_equal(table.row[1].restarts, 3);
    assert_int_equal(table.row[1].window, 600);
    assert_int_equal(table.row[4].restarts, 0);
    assert_int_equal(table.row[4].window, 9);
    assert_int_equal(read_text("sink s cat\nstage a away=1 ssh b cat\nworker w away=0 count=2 cat"), 0);
    assert_int_equal(table.row[0].away, 0);
    assert_int_equal(table.row[1].away, 1);
    assert_int_equal(table.row[2].away, 0);
    assert_int_equal(read_text("sink s cat\nworker w cat"), 0);
    assert_int_equal(table.row[1].restarts, 5);
    assert_int_equal(table.row[1].window, 60);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "# nothing",
        "worker w cat",
        "sink s cat\nthen",
        "then\nsink s cat",
        "sink s cat\nthen twice",
        "sinks s cat",
        "sink",
        "sink s",
        "sink s restarts=1",
        "sink 'a b' cat",
        "sink ../s cat",
        "sink .s cat",
        "sink '' cat",
        "sink s cat\nstage s cat",
        "sink s count=2 cat",
        "sink s cat\nworker w count=0 cat",
        "sink s cat\nworker w count=1025 cat",
        "sink s cat\nworker w count= cat",
        "sink s cat\nworker w count=2x cat",
        "sink s restarts=99999999999999999999 cat",
        "sink s within=0 cat",
        "sink s away=2 cat",
        "sink s wihtin=3 cat",
        "sink s =3 cat",
        "sink s 'cat",
        "again p cat",
        "sink s cat\nagain p cat\nagain q cat",
        "sink s cat\nagain p cat\nfeeder f cat",
        "sink s cat\nagain s cat",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (read_text(texts[i]) != -EXIT_USAGE) fail_msg("taken: %s", texts[i]);
    }
    table_release(&table);
    assert_int_equal(table_read(&table, "sink s cat\0x", 12), -EXIT_USAGE);
}

// Cut anywhere, a table is a table or is refused.
static void test_cut(void **state) {
    (void)state;
    const char *whole = "stage a count=1 'b c' \"d \\\" e\" \\\n f # g\nworker h within=2 i\nthen\nsink j k\\ l\n";
    for (size_t size = 0; size <= strlen(whole); size++) {
        char *copy = xmalloc(size + 1);
        memcpy(copy, whole, size);
        table_release(&table);
        int status = table_read(&table, copy, size);
        assert_true(status == 0 || status == -EXIT_USAGE);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_words, release),
        cmocka_unit_test_teardown(test_rows, release),
        cmocka_unit_test_teardown(test_refused, release),
        cmocka_unit_test_teardown(test_cut, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
