// Option tables: defaults, the command line, JSON, --help, and every way a value can be wrong.
#include "../base/support.h"

#include <math.h>

#include "base/fail.h"
#include "stage/option.h"

struct settings {
    char *name;
    int64_t steps, memory;
    double rate;
    bool augment, quick;
    int mode;
    struct strings data;
};
static struct settings settings;

#define FIELD(f) offsetof(struct settings, f)
static const struct option rows[] = {
    {.help = "Training"},
    {"name", OPTION_TEXT, FIELD(name), "RUN", NULL, 0, 0, "of the run", OPTION_LOCAL},
    {"steps", OPTION_INT, FIELD(steps), "N", "10", 1, 64, "how many", OPTION_IDENTITY},
    {"lr", OPTION_REAL, FIELD(rate), "RATE", "1e-3", 0, INFINITY, "learning rate", 0},
    {"augment", OPTION_FLAG, FIELD(augment), NULL, "true", 0, 0, "random crops", 0},
    {"quick", OPTION_FLAG, FIELD(quick), NULL, NULL, 0, 0, "fewer of them", OPTION_LETTER('q')},
};
static const struct option more[] = {
    {"memory", OPTION_INT, FIELD(memory), "BYTES", NULL, 0, 0, "limit", 0},
    {"mode", OPTION_CHOICE, FIELD(mode), "mean|sum", "sum", 0, 0, "of the two directions", 0},
    {"train-data", OPTION_LIST, FIELD(data), "DIR", NULL, 0, 0, "a dataset", 0},
};
static struct option_table table[2];
static struct option_table *const tables[] = {&table[0], &table[1], NULL};

static int setup(void **state) {
    (void)state;
    memset(&settings, 0x55, sizeof settings); // defaults must not depend on what was there
    table[0] = OPTION_TABLE(rows, &settings);
    table[1] = OPTION_TABLE(more, &settings);
    options_defaults(tables);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    options_release(tables);
    return 0;
}

static int parse(struct strings *operands, const char *const *argv) {
    int argc = 0;
    while (argv[argc]) argc++;
    return options_parse(tables, argc, (char **)argv, operands);
}
#define PARSE(operands, ...) parse(operands, (const char *const[]){"program", __VA_ARGS__, NULL})

static void test_defaults(void **state) {
    (void)state;
    assert_null(settings.name);
    assert_int_equal(settings.steps, 10);
    assert_true(settings.rate == 1e-3);
    assert_true(settings.augment);
    assert_false(settings.quick);
    assert_int_equal(settings.memory, 0);
    assert_int_equal(settings.mode, 1);
    assert_int_equal(settings.data.count, 0);
    assert_false(option_given(tables[0], &settings.steps));
}

static void test_command_line(void **state) {
    (void)state;
    struct strings operands = {0};
    assert_int_equal(PARSE(&operands, "--steps", "20", "one", "--lr=0.5", "--no-augment", "--quick", "-", "--memory",
                           "3G", "--mode", "mean", "--train-data", "a", "--train-data=b", "--name", "-x", "--", "--lr"),
                     0);
    assert_string_equal(settings.name, "-x");
    assert_int_equal(settings.steps, 20);
    assert_true(settings.rate == 0.5);
    assert_false(settings.augment);
    assert_true(settings.quick);
    assert_int_equal(settings.memory, (int64_t)3 << 30);
    assert_int_equal(settings.mode, 0);
    assert_int_equal(settings.data.count, 2);
    assert_string_equal(settings.data.item[1], "b");
    assert_int_equal(operands.count, 3);
    assert_string_equal(operands.item[2], "--lr");
    assert_true(option_given(tables[0], &settings.steps));
    assert_true(option_given(tables[0], &settings.augment));
    strings_release(&operands);
}

static void test_refused(void **state) {
    (void)state;
    assert_int_equal(PARSE(NULL, "--stepps", "3"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--entirely-different"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--steps"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--steps", "0"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--steps", "65"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--steps", "6x"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--steps", "2K"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--steps", ""), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--memory", "9999999999G"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--memory", "99999999999999999999"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--memory", "3GB"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--lr", "-1"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--lr", "nan"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--mode", "median"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--mode", "mea"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--quick=true"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "--no-steps"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "-x"), -EXIT_USAGE);
    assert_int_equal(PARSE(NULL, "operand"), -EXIT_USAGE);
    assert_int_equal(settings.steps, 10);
    assert_int_equal(settings.memory, 0);
}

static void test_letters(void **state) {
    (void)state;
    assert_int_equal(PARSE(NULL, "-qx"), -EXIT_USAGE);
    assert_false(settings.quick);
    assert_int_equal(PARSE(NULL, "-q"), 0);
    assert_true(settings.quick);
}

// Which options name outputs, the rows say; the others may name what is not there.
static void test_outputs_are_checked(void **state) {
    (void)state;
    const struct option outputs[] = {
        {"name", OPTION_TEXT, FIELD(name), "FILE", NULL, 0, 0, "", OPTION_OUTPUT},
        {"train-data", OPTION_LIST, FIELD(data), "EDGE=FILE", NULL, 0, 0, "", OPTION_OUTPUT},
    };
    assert_int_equal(PARSE(NULL, "--name", "/missing/file", "--train-data", "a=/dev/null"), 0);
    assert_int_equal(options_check_outputs(tables), 0);
    struct option_table marked = OPTION_TABLE(outputs, &settings);
    struct option_table *const only[] = {&marked, NULL};
    listen_in();
    assert_int_equal(options_check_outputs(only), -EXIT_RUN);
    assert_has(heard(), "--name /missing/file: cannot be written");
    assert_int_equal(PARSE(NULL, "--name=-", "--train-data", "a=-", "--train-data=not yet checked"), 0);
    assert_int_equal(options_check_outputs(only), 0);
    assert_int_equal(PARSE(NULL, "--name", "-", "--train-data", "a=/missing/b=c"), 0);
    listen_in();
    assert_int_equal(options_check_outputs(only), -EXIT_RUN);
    assert_has(heard(), "--train-data /missing/b=c: cannot be written");
}

static void test_json_and_back(void **state) {
    (void)state;
    const char *text = "{\"steps\":7,\"lr\":0.1,\"augment\":false,\"quick\":true}";
    json_t *object = json_loads(text, 0, NULL);
    assert_int_equal(options_from_json(tables[0], object, "run.json"), 0);
    json_t *back = options_to_json(tables[0]);
    assert_true(json_equal(object, back)); // the local --name is left out
    assert_false(option_given(tables[0], &settings.steps));
    json_decref(object);
    json_decref(back);
    object = json_loads("{\"memory\":null,\"mode\":\"mean\",\"train-data\":[\"x\",\"y\"]}", 0, NULL);
    assert_int_equal(options_from_json(tables[1], object, "run.json"), 0);
    assert_int_equal(settings.mode, 0);
    assert_int_equal(settings.data.count, 2);
    json_decref(object);
    assert_int_equal(PARSE(NULL, "--train-data", "z"), 0); // the command line replaces the file's list
    assert_int_equal(settings.data.count, 1);
    assert_string_equal(settings.data.item[0], "z");
}

static void test_json_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"{\"steps\":0}",     "{\"steps\":1.5}", "{\"steps\":\"3\"}",
                                        "{\"stepps\":3}",    "{\"augment\":1}", "{\"name\":\"local\"}",
                                        "{\"lr\":\"fast\"}", "{\"lr\":-1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *object = json_loads(wrong[i], 0, NULL);
        assert_int_equal(options_from_json(tables[0], object, "run.json"), -EXIT_DATA);
        json_decref(object);
    }
    json_t *list = json_loads("{\"train-data\":[1]}", 0, NULL);
    assert_int_equal(options_from_json(tables[1], list, "run.json"), -EXIT_DATA);
    json_decref(list);
}

static void test_help(void **state) {
    (void)state;
    struct buffer text = {0};
    options_help(tables, false, &text);
    assert_string_equal(text.bytes, "\nTraining:\n"
                                    "  --name RUN                  of the run\n"
                                    "  --steps N                   how many (default 10; 1 to 64)\n"
                                    "  --lr RATE                   learning rate (default 1e-3; at least 0)\n"
                                    "  --[no-]augment              random crops\n"
                                    "  -q, --quick                 fewer of them\n"
                                    "\nOptions:\n"
                                    "  --memory BYTES              limit\n"
                                    "  --mode mean|sum             of the two directions (default sum)\n"
                                    "  --train-data DIR            a dataset (may be given several times)\n");
    buffer_release(&text);
}

static void test_help_shows_what_is_used(void **state) {
    (void)state;
    struct buffer few = {0}, all = {0};
    table[1].used = "mode";
    options_help(tables, false, &few);
    assert_non_null(strstr(few.bytes, "--steps"));
    assert_non_null(strstr(few.bytes, "\nOptions:\n  --mode"));
    assert_null(strstr(few.bytes, "--memory"));
    table[1].used = "train-data memor mod e"; // whole names alone
    buffer_clear(&few);
    options_help(tables, false, &few);
    assert_null(strstr(few.bytes, "--memory"));
    assert_null(strstr(few.bytes, "--mode"));
    assert_non_null(strstr(few.bytes, "--train-data"));
    table[1].used = "mode";
    table[0].used = "";
    buffer_clear(&few);
    options_help(tables, false, &few);
    assert_null(strstr(few.bytes, "Training")); // a heading with nothing under it
    options_help(tables, true, &all);
    assert_non_null(strstr(all.bytes, "--memory"));
    assert_non_null(strstr(all.bytes, "Training"));
    assert_int_equal(PARSE(NULL, "--memory", "3"), 0); // taken all the same
    buffer_release(&few);
    buffer_release(&all);
}

static void use_what_is_not_there(void) {
    struct option_table wrong = OPTION_TABLE(more, &settings), *const alone[] = {&wrong, NULL};
    wrong.used = "mode modd";
    options_defaults(alone);
}

static void test_what_is_used_must_be_there(void **state) {
    (void)state;
    assert_aborts(use_what_is_not_there, "--modd is used");
}

static void test_help_wraps(void **state) {
    (void)state;
    static const char long_help[] = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
                                    "fifteen sixteen seventeen eighteen nineteen twenty";
    const struct option row[] = {{"a-name-that-is-rather-long", OPTION_INT, 0, "NUMBER", NULL, 0, 0, long_help, 0}};
    struct option_table one = OPTION_TABLE(row, &settings), *const alone[] = {&one, NULL};
    struct buffer text = {0};
    options_help(alone, false, &text);
    int lines = 0, widest = 0, column = 0;
    for (size_t i = 0; i < text.size; i++) {
        column = text.bytes[i] == '\n' ? 0 : column + 1;
        lines += text.bytes[i] == '\n';
        if (column > widest) widest = column;
        assert_true(text.bytes[i] != ' ' || i + 1 == text.size || text.bytes[i + 1] != '\n');
    }
    assert_int_equal(lines, 5); // a blank, the heading, the name, two lines of help
    assert_in_range(widest, 80, 100);
    buffer_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_command_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outputs_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help_shows_what_is_used, setup, teardown),
        cmocka_unit_test(test_what_is_used_must_be_there),
        cmocka_unit_test_setup_teardown(test_help_wraps, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
