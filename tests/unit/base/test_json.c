#include "support.h"

#include <math.h>

#include "base/json.h"

static json_t *read_text(const char *text, size_t size) {
    if (file_write(in_folder("document.json"), text, size)) abort();
    return json_read(in_folder("document.json"), 1000);
}

static void refused(const char *text, size_t size, const char *reason) {
    listen_in();
    json_t *document = read_text(text, size);
    const char *words = heard();
    if (document) fail_msg("%s was read", text);
    assert_has(words, "document.json");
    assert_has(words, reason);
}

static void a_document_reads(void **state) {
    (void)state;
    const char *text = " {\"a\": [1, 2.5, null, true, \"\\u00df\"]}\n";
    json_t *document = read_text(text, strlen(text));
    json_t *list = json_object_get(document, "a");
    assert_int_equal(json_array_size(list), 5);
    assert_int_equal(json_integer_value(json_array_get(list, 0)), 1);
    assert_true(json_real_value(json_array_get(list, 1)) == 2.5);
    assert_string_equal(json_string_value(json_array_get(list, 4)), "\xc3\x9f");
    json_decref(document);
}

static void what_is_not_json_is_refused_with_its_place(void **state) {
    (void)state;
    const struct {
        const char *text, *reason;
    } table[] = {
        {"", "line 1"},
        {"{\n\"a\": 1,\n\"b\" 2}", "line 3, column 5"},
        {"{\"a\": 1,}", "line 1"},
        {"{\"a\": 1} x", "end of file expected"},
        {"{\"a\": 1} {}", "end of file expected"},
        {"{'a': 1}", "line 1"},
        {"[01]", "line 1"},
        {"[1", "line 1"},
        {"[nan]", "line 1"},
        {"[NaNs]", "line 1"},
        {"[-NaN]", "line 1"},
        {"[0999999999999999999999]", "line 1"},
        {"[NaN, 99999999999999999999,\n 99999999999999999999, 99999999999999999999 x]", "line 2, column 45"},
        {"[\"\\u0000\", \"\\ud83d\",\n NaN 5]", "line 2, column 6"},
        {"[\"\\u00\", NaN]", "line 1"},
        {"[\"\\", "line 1"},
        {"[\"\xff\"]", "unable to decode byte"},
        {"[\"\xed\xa0\x80\"]", "unable to decode byte"},
        {"[\"a\nb\"]", "unexpected newline"},
        {"// comment\n{}", "line 1"},
        {"7", "'[' or '{' expected"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        refused(table[i].text, strlen(table[i].text), table[i].reason);
    refused("{\"a\0b\": 1}", 10, "line 1");
}

// As Python's json module reads it, spelled again by jansson.
static void what_python_reads_is_read(void **state) {
    (void)state;
    const struct {
        const char *text, *read;
    } table[] = {
        {"\xef\xbb\xbf[1]", "[1]"},
        {"{\"a\": 1, \"a\": 2}", "{\"a\": 2}"},
        {"{\"b\": {\"a\": 1, \"a\": [1]}}", "{\"b\": {\"a\": [1]}}"},
        {"[NaN, Infinity,-Infinity, 1e999, -1E+999]", "[{}, {}, {}, {}, {}]"},
        {"[9223372036854775807, 9223372036854775808, -9223372036854775809]",
         "[9223372036854775807, \"9223372036854775808\", \"-9223372036854775809\"]"},
        {"[1e-999, -0, 18446744073709551616.0]", "[0.0, 0, 1.8446744073709552e19]"},
        {"[\"x\\u0000y\", \"\\\\u0000\"]", "[\"x y\", \"\\\\u0000\"]"},
        {"{\"x\\u0000\": NaN}", "{\"x \": {}}"},
        {"[\"\\ud83d\", \"\\ude00\", \"\\ud83d\\ude00\", \"\\ud83d\\ud83d\\ude00\"]",
         "[\"\xef\xbf\xbd\", \"\xef\xbf\xbd\", \"\xf0\x9f\x98\x80\", \"\xef\xbf\xbd\xf0\x9f\x98\x80\"]"},
        {"[\"NaN 99999999999999999999 \\\" Infinity\", NaN]", "[\"NaN 99999999999999999999 \\\" Infinity\", {}]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        json_t *document = read_text(table[i].text, strlen(table[i].text));
        char *again = document ? json_dumps(document, JSON_REAL_PRECISION(17)) : NULL;
        assert_non_null(again);
        assert_string_equal(again, table[i].read);
        free(again);
        json_decref(document);
    }
}

static void what_is_nested_too_deeply_is_refused(void **state) {
    (void)state;
    const size_t size = 1 << 20;
    char *text = xmalloc(size);
    json_error_t place;
    memset(text, '[', size);
    assert_null(json_parse(text, size, &place));
    for (size_t i = 0; i + 5 <= size; i += 5) memcpy(text + i, "{\"\":", 5);
    assert_null(json_parse(text, size, &place));
    free(text);
}

static void a_number_reads_back_to_its_bits(void **state) {
    (void)state;
    const double values[] = {0.1, -0.0, 1.0 / 3, 5e-324, -1.7976931348623157e308, 3};
    char text[JSON_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const double again = strtod(json_number(text, values[i]), NULL);
        assert_memory_equal(&again, &values[i], sizeof again);
    }
    assert_string_equal(json_number(text, NAN), "null");
    assert_string_equal(json_number(text, -INFINITY), "null");
}

static void a_cut_document_is_refused_at_every_length(void **state) {
    (void)state;
    const char *text = "{\"vision_cfg\": {\"layers\": 12, \"names\": [\"a\\n\", true, -1.5e3]}}";
    for (size_t size = 0; size < strlen(text); size++) refused(text, size, "line");
    json_t *document = read_text(text, strlen(text));
    assert_non_null(document);
    json_decref(document);
}

static void a_large_or_missing_document_is_refused(void **state) {
    (void)state;
    char text[1001];
    memset(text, ' ', sizeof text);
    refused(text, sizeof text, "more than 1000 bytes");
    listen_in();
    json_t *document = json_read(in_folder("missing.json"), 1000);
    const char *words = heard();
    assert_null(document);
    assert_has(words, "missing.json");
}

static void writing_keeps_order_and_bits(void **state) {
    (void)state;
    const double values[] = {0.1, 1.0 / 3, 1e-300, 123456789.123456789, 5e-324, -0.0};
    json_t *document = json_pack("{s:i, s:s, s:[]}", "zebra", 1, "ant", "\xc3\x9f", "list");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        json_array_append_new(json_object_get(document, "list"), json_real(values[i]));
    assert_int_equal(json_write(in_folder("out.json"), document), 0);
    struct buffer text = {0};
    assert_int_equal(file_read(in_folder("out.json"), 1000, &text), 0);
    const char *start = "{\n  \"zebra\": 1,\n  \"ant\": \"\xc3\x9f\",\n  \"list\": [\n    0.1";
    assert_memory_equal(text.bytes, start, strlen(start));
    assert_string_equal(text.bytes + text.size - 3, "\n}\n");
    buffer_release(&text);
    json_t *again = json_read(in_folder("out.json"), 1000);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double value = json_real_value(json_array_get(json_object_get(again, "list"), i));
        assert_memory_equal(&value, &values[i], sizeof value);
    }
    json_decref(again);
    json_decref(document);
}

static void an_unwritable_place_is_reported(void **state) {
    (void)state;
    json_t *document = json_object();
    listen_in();
    int status = json_write(in_folder("missing/out.json"), document);
    const char *words = heard();
    json_decref(document);
    assert_int_equal(status, -EXIT_RUN);
    assert_has(words, "missing/out.json");
}

static void a_text_that_is_not_utf8_is_not_written(void **state) {
    (void)state;
    assert_int_equal(file_write(in_folder("kept.json"), "{}", 2), 0);
    listen_in();
    int status = json_write(in_folder("kept.json"), json_string("\xff"));
    const char *words = heard();
    assert_int_equal(status, -EXIT_RUN);
    assert_has(words, "kept.json: cannot be written: a text in it is not UTF-8");
    json_t *kept = json_read(in_folder("kept.json"), 100);
    assert_non_null(kept);
    json_decref(kept);
    assert_false(file_exists(in_folder("kept.json.tmp")));
}

static json_t *object(const char *text) {
    json_t *document = json_loads(text, 0, NULL);
    if (!document) abort();
    return document;
}

static void fields_read_by_kind(void **state) {
    (void)state;
    json_t *document =
        object("{\"i\": 12, \"r\": 0.5, \"w\": 3, \"t\": \"gelu\", \"y\": true, \"n\": false, \"o\": {\"x\": 1},"
               " \"z\": null, \"old\": [1]}");
    struct json_fields fields;
    json_fields_begin(&fields, document, "model.json: vision_cfg");
    assert_int_equal(json_fields_int(&fields, "i", 1, 0, 12), 12);
    assert_int_equal(json_fields_int(&fields, "i", 1, 12, 99), 12);
    assert_true(json_fields_real(&fields, "r", 1) == 0.5);
    assert_true(json_fields_real(&fields, "w", 1) == 3);
    assert_string_equal(json_fields_text(&fields, "t", "relu"), "gelu");
    assert_true(json_fields_bool(&fields, "y", false));
    assert_false(json_fields_bool(&fields, "n", true));
    assert_int_equal(json_integer_value(json_object_get(json_fields_object(&fields, "o"), "x")), 1);
    assert_true(json_fields_has(&fields, "i"));
    assert_false(json_fields_has(&fields, "z"));
    json_fields_ignore(&fields, "old");
    assert_int_equal(json_fields_end(&fields), 0);
    json_decref(document);
}

static void what_is_absent_or_null_falls_back(void **state) {
    (void)state;
    json_t *document = object("{\"i\": null, \"r\": null, \"t\": null, \"b\": null, \"o\": null}");
    struct json_fields fields;
    json_fields_begin(&fields, document, "x");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(json_fields_int(&fields, round ? "i" : "no", 7, 0, 1), 7);
        assert_true(json_fields_real(&fields, round ? "r" : "no", 0.25) == 0.25);
        assert_string_equal(json_fields_text(&fields, round ? "t" : "no", "cls"), "cls");
        assert_true(json_fields_bool(&fields, round ? "b" : "no", true));
        assert_null(json_fields_object(&fields, round ? "o" : "no"));
        assert_false(json_fields_has(&fields, round ? "o" : "no"));
    }
    assert_int_equal(json_fields_end(&fields), 0);
    json_decref(document);
}

static void ask_int(struct json_fields *fields) {
    json_fields_int(fields, "k", 1, -5, 5);
}

static void ask_real(struct json_fields *fields) {
    json_fields_real(fields, "k", 1);
}

static void ask_text(struct json_fields *fields) {
    json_fields_text(fields, "k", "");
}

static void ask_bool(struct json_fields *fields) {
    json_fields_bool(fields, "k", false);
}

static void ask_object(struct json_fields *fields) {
    json_fields_object(fields, "k");
}

static void ask_nothing(struct json_fields *fields) {
    (void)fields;
}

static void ask_other(struct json_fields *fields) {
    json_fields_int(fields, "other", 0, 0, 9);
}

static void another_kind_is_refused_by_name(void **state) {
    (void)state;
    const struct {
        void (*ask)(struct json_fields *fields);
        const char *text, *reason;
    } table[] = {
        {ask_int, "{\"k\": 6}", "\"k\" must be a whole number from -5 to 5"},
        {ask_int, "{\"k\": -6}", "\"k\" must be a whole number from -5 to 5"},
        {ask_int, "{\"k\": 1.0}", "\"k\" must be a whole number"},
        {ask_int, "{\"k\": \"1\"}", "\"k\" must be a whole number"},
        {ask_int, "{\"k\": true}", "\"k\" must be a whole number"},
        {ask_real, "{\"k\": \"1\"}", "\"k\" must be a number"},
        {ask_real, "{\"k\": [1]}", "\"k\" must be a number"},
        {ask_text, "{\"k\": 1}", "\"k\" must be a text"},
        {ask_bool, "{\"k\": 1}", "\"k\" must be true or false"},
        {ask_bool, "{\"k\": \"true\"}", "\"k\" must be true or false"},
        {ask_object, "{\"k\": []}", "\"k\" must be an object"},
        {ask_nothing, "{\"k\": 1}", "unknown key \"k\""},
        {ask_nothing, "{\"k\": null}", "unknown key \"k\""},
        {ask_other, "{\"other\": 1, \"k\": 1}", "unknown key \"k\""},
        {ask_nothing, "[]", "not a JSON object"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        json_t *document = object(table[i].text);
        struct json_fields fields;
        listen_in();
        json_fields_begin(&fields, document, "FILE: part");
        table[i].ask(&fields);
        int status = json_fields_end(&fields);
        const char *words = heard();
        json_decref(document);
        if (status != -EXIT_USAGE) fail_msg("row %zu: %d", i, status);
        assert_has(words, "FILE: part: ");
        assert_has(words, table[i].reason);
    }
}

static void a_missing_object_is_refused(void **state) {
    (void)state;
    struct json_fields fields;
    listen_in();
    json_fields_begin(&fields, NULL, "FILE");
    int64_t value = json_fields_int(&fields, "k", 4, 0, 9);
    int status = json_fields_end(&fields);
    heard();
    assert_int_equal(value, 4);
    assert_int_equal(status, -EXIT_USAGE);
}

static void the_first_error_sticks_and_is_said_once(void **state) {
    (void)state;
    json_t *document = object("{\"a\": \"x\", \"b\": \"y\", \"c\": 5, \"d\": 6}");
    struct json_fields fields;
    listen_in();
    json_fields_begin(&fields, document, "FILE");
    json_fields_int(&fields, "a", 0, 0, 9);
    json_fields_bool(&fields, "b", false);
    int64_t after = json_fields_int(&fields, "c", 1, 0, 9);
    int status = json_fields_end(&fields);
    const char *words = heard();
    json_decref(document);
    assert_int_equal(status, -EXIT_USAGE);
    assert_int_equal(after, 1);
    assert_has(words, "\"a\"");
    assert_ptr_equal(strchr(words, '\n'), words + strlen(words) - 1);
}

static void a_key_may_be_read_often(void **state) {
    (void)state;
    json_t *document = object("{\"k\": 3}");
    struct json_fields fields;
    json_fields_begin(&fields, document, "FILE");
    for (int i = 0; i < 1000; i++) assert_int_equal(json_fields_int(&fields, "k", 0, 0, 9), 3);
    assert_int_equal(json_fields_end(&fields), 0);
    json_decref(document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_reads),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(what_python_reads_is_read),
        cmocka_unit_test(what_is_nested_too_deeply_is_refused),
        cmocka_unit_test(a_number_reads_back_to_its_bits),
        cmocka_unit_test(a_cut_document_is_refused_at_every_length),
        cmocka_unit_test(a_large_or_missing_document_is_refused),
        cmocka_unit_test(writing_keeps_order_and_bits),
        cmocka_unit_test(an_unwritable_place_is_reported),
        cmocka_unit_test(a_text_that_is_not_utf8_is_not_written),
        cmocka_unit_test(fields_read_by_kind),
        cmocka_unit_test(what_is_absent_or_null_falls_back),
        cmocka_unit_test(another_kind_is_refused_by_name),
        cmocka_unit_test(a_missing_object_is_refused),
        cmocka_unit_test(the_first_error_sticks_and_is_said_once),
        cmocka_unit_test(a_key_may_be_read_often),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
