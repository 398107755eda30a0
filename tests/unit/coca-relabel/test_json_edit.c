// JSON objects that get fields: all else in them stays, byte for byte.
#include "../../../stages/coca-relabel/json_edit.h"

#include "../base/support.h"

static void expect_edited(const char *text, const struct json_field *fields, int count, const char *wanted) {
    struct buffer out = {0};
    char *defect = json_edit(&out, text, strlen(text), fields, count);
    assert_null(defect);
    assert_string_equal(out.bytes, wanted);
    buffer_release(&out);
}

static void expect_defect(const char *text, const char *words) {
    const struct json_field field = {"k", "1", false};
    struct buffer out = {0};
    char *defect = json_edit(&out, text, strlen(text), &field, 1);
    assert_non_null(defect);
    assert_non_null(strstr(defect, words));
    assert_int_equal(out.size, 0);
    free(defect);
    buffer_release(&out);
}

static void test_fields_come_behind_what_is_there(void **state) {
    const struct json_field fields[] = {{"k", "[1]", false}, {"l", "\"x\"", false}};
    (void)state;
    expect_edited("{}", fields, 2, "{\"k\": [1], \"l\": \"x\"}");
    expect_edited(" { } \n", fields, 1, " {\"k\": [1] } \n");
    expect_edited("{\"a\":1.50}", fields, 1, "{\"a\":1.50, \"k\": [1]}");
    expect_edited("{\n  \"a\": {\"k\": \"}\\\"\"},\n  \"b\": [1, {}]\n}\r\n", fields, 1,
                  "{\n  \"a\": {\"k\": \"}\\\"\"},\n  \"b\": [1, {}], \"k\": [1]\n}\r\n");
    expect_edited("\xef\xbb\xbf{\"a\": \"\\\\\"}", fields, 1, "\xef\xbb\xbf{\"a\": \"\\\\\", \"k\": [1]}");
}

static void test_what_is_there_is_replaced_where_it_stands(void **state) {
    const struct json_field fields[] = {{"k", "[1]", false}, {"l", "2", false}, {"m", "3", true}};
    (void)state;
    expect_edited("{\"l\" : [9, 9] , \"a\": 1, \"k\":{\"k\":0}}", fields, 2, "{\"l\" : 2 , \"a\": 1, \"k\":[1]}");
    expect_edited("{\"\\u006b\": null}", fields, 1, "{\"\\u006b\": [1]}");
    expect_edited("{\"k\": 5, \"k\": 6}", fields, 1, "{\"k\": 5, \"k\": [1]}");
    expect_edited("{\"m\": 5}", fields, 3, "{\"m\": 5, \"k\": [1], \"l\": 2}");
}

// Numbers beyond doubles, NaN, NUL and half surrogates, as Python writes them, are nobody's business here.
static void test_pythons_json_stays(void **state) {
    const struct json_field field = {"k", "1", false};
    (void)state;
    expect_edited("{\"n\": 123456789012345678901234567890, \"x\": NaN, \"s\": \"\\u0000\\ud800\"}", &field, 1,
                  "{\"n\": 123456789012345678901234567890, \"x\": NaN, \"s\": \"\\u0000\\ud800\", \"k\": 1}");
}

static void test_what_is_no_object(void **state) {
    (void)state;
    expect_defect("", "its JSON");
    expect_defect("{\"a\": }", "line 1, column");
    expect_defect("[1, 2]", "no object");
    expect_defect("{\"a\": \"\xff\"}", "its JSON");
    expect_defect("{} {}", "its JSON");
}

static void test_texts(void **state) {
    struct buffer out = {0};
    (void)state;
    json_text(&out, "a\"\n\xff", 4);
    assert_string_equal(out.bytes, "\"a\\\"\\n\xef\xbf\xbd\"");
    buffer_clear(&out);
    json_on_one_line(&out, "\xef\xbb\xbf{\r\n \"a\": 1\n}\n", 16);
    assert_string_equal(out.bytes, "{   \"a\": 1 }");
    buffer_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_come_behind_what_is_there),
        cmocka_unit_test(test_what_is_there_is_replaced_where_it_stands),
        cmocka_unit_test(test_pythons_json_stays),
        cmocka_unit_test(test_what_is_no_object),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
