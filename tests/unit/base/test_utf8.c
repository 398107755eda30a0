#include "support.h"

#include "base/utf8.h"

#define TEXT(literal) literal, sizeof literal - 1

// Table 3-7 row by row: the ends of each range, and what lies just outside.
static const struct {
    const char *text;
    size_t size;
    bool valid;
} table[] = {
    {TEXT(""), true},
    {TEXT("plain"), true},
    {TEXT("\x00"), true},
    {TEXT("\x7f"), true},
    {TEXT("\x80"), false},
    {TEXT("\xbf"), false},
    {TEXT("\xc0\x80"), false},
    {TEXT("\xc1\xbf"), false},
    {TEXT("\xc2\x80"), true},
    {TEXT("\xdf\xbf"), true},
    {TEXT("\xc2\x7f"), false},
    {TEXT("\xc2\xc0"), false},
    {TEXT("\xe0\xa0\x80"), true},
    {TEXT("\xe0\x9f\xbf"), false},
    {TEXT("\xe1\x80\x80"), true},
    {TEXT("\xec\xbf\xbf"), true},
    {TEXT("\xed\x80\x80"), true},
    {TEXT("\xed\x9f\xbf"), true},
    {TEXT("\xed\xa0\x80"), false},
    {TEXT("\xed\xbf\xbf"), false},
    {TEXT("\xee\x80\x80"), true},
    {TEXT("\xef\xbf\xbf"), true},
    {TEXT("\xe1\x80\x7f"), false},
    {TEXT("\xe1\x80\xc0"), false},
    {TEXT("\xf0\x90\x80\x80"), true},
    {TEXT("\xf0\x8f\xbf\xbf"), false},
    {TEXT("\xf1\x80\x80\x80"), true},
    {TEXT("\xf3\xbf\xbf\xbf"), true},
    {TEXT("\xf4\x80\x80\x80"), true},
    {TEXT("\xf4\x8f\xbf\xbf"), true},
    {TEXT("\xf4\x90\x80\x80"), false},
    {TEXT("\xf5\x80\x80\x80"), false},
    {TEXT("\xff"), false},
    {TEXT("\xfe\x80"), false},
    {TEXT("\xf1\x80\x80\x7f"), false},
    {TEXT("\xf1\x80\x80\xc0"), false},
    {TEXT("Stra\xc3\x9f"
          "e \xe2\x82\xac \xf0\x9f\x90\x95"),
     true},
    {TEXT("ok \xc3("), false},
};

static void the_table_decides(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (utf8_valid(table[i].text, table[i].size) != table[i].valid) fail_msg("row %zu", i);
}

// In memory of exactly that size, so that a sanitizer sees a read behind it.
static bool valid_alone(const char *text, size_t size) {
    char *copy = xmalloc(size);
    memcpy(copy, text, size);
    bool valid = utf8_valid(copy, size);
    free(copy);
    return valid;
}

static void a_cut_character_is_invalid(void **state) {
    (void)state;
    const char *characters[] = {"\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x90\x95"};
    for (int i = 0; i < 3; i++)
        for (size_t size = 1; size < strlen(characters[i]); size++) assert_false(valid_alone(characters[i], size));
}

// Decodes three bytes by the definition of UTF-8 and by range, not by the table.
static bool three_bytes_are_a_character(unsigned a, unsigned b, unsigned c) {
    if ((a & 0xf0) != 0xe0 || (b & 0xc0) != 0x80 || (c & 0xc0) != 0x80) return false;
    unsigned code = (a & 15) << 12 | (b & 63) << 6 | (c & 63);
    return code >= 0x800 && (code < 0xd800 || code > 0xdfff);
}

static void every_triple_with_a_three_byte_lead(void **state) {
    (void)state;
    for (unsigned a = 0xe0; a < 0xf0; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned c = 0; c < 256; c++) {
                const char text[3] = {(char)a, (char)b, (char)c};
                if (utf8_valid(text, 3) != three_bytes_are_a_character(a, b, c)) fail_msg("%02x %02x %02x", a, b, c);
            }
}

static void a_cut_keeps_whole_characters(void **state) {
    (void)state;
    const char text[] = "a\xc3\x9f\xe2\x82\xac\xf0\x9f\x90\x95z"; // 1, 2, 3, 4 and 1 bytes
    const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t limit = 0; limit < sizeof want / sizeof *want; limit++)
        assert_int_equal(utf8_cut(text, 11, limit), want[limit]);
    assert_int_equal(utf8_cut("", 0, 0), 0);
    assert_int_equal(utf8_cut(text, 11, SIZE_MAX), 11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_decides),
        cmocka_unit_test(a_cut_character_is_invalid),
        cmocka_unit_test(every_triple_with_a_three_byte_lead),
        cmocka_unit_test(a_cut_keeps_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
