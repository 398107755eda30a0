// What open_clip 3.3.0 with ftfy 6.3.1 makes of each kind of text; test_clip.c compares many more by their ids.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "text/clean.h"
#include "text/html.h"

static struct cleaner *cleaner;

static int open_cleaner(void **state) {
    (void)state;
    cleaner = cleaner_new();
    return 0;
}

static int close_cleaner(void **state) {
    (void)state;
    cleaner_free(cleaner);
    return 0;
}

// clang-format off
static const struct {
    const char *text, *clean;
} rows[] = {
    {"", ""},
    {"  Two   Dogs\t\n", "two dogs"},
    {"schÃ¶n", "schön"},
    {"âœ” No problems", "✔ no problems"},
    {"â€œquotedâ€\302\235", "\"quoted\""},
    {"l&rsquo;Ã©tÃ©", "l'été"},
    {"P&EACUTE;REZ BUNDESSTRA&SZLIG;E", "pérez bundesstrasse"},
    {"&amp;amp;lt;b&amp;gt;", "<b>"},
    {"<b>&eacute;</b>", "<b>é</b>"},
    {"<b>&EACUTE;</b>", "<b>&eacute;</b>"},
    {"&notit; &notin; &#x80; &#128; &#0; &#xD800;|&#1;|", "¬it; ∉ € € \357\277\275 \357\277\275||"},
    {"&#59; &#x26;lt; &#99999999999999999999; &", "; < \357\277\275 &"},
    {"ＬＯＵＤ\343\200\200ＮＯＩＳＥＳ", "loud noises"},
    {"ﬂuﬃeﬆ Ǆ", "fluffiest dž"},
    {"“curly” ‘quotes’", "\"curly\" 'quotes'"},
    {"a\033[36;44mblue\033[0mb", "ablueb"},
    {"a\001b\357\273\277c", "abc"},
    {"line\342\200\250break\r\nagain", "line break again"},
    {"cafe\314\201", "café"},
    {"ΟΔΥΣΣΕΥΣ ΣΑΣ.'x", "οδυσσευς σασ.'x"},
    {"İstanbul ẞ", "i\314\207stanbul ß"},
    {"voilÃ le travail", "voilà le travail"},
    {"Ã la mode", "à la mode"},
    {"РєРѕС€РєР°", "кошка"},
    {"çŒ«", "猫"},
    {"\302\205\302\222 c1", "…' c1"},
    {"Ä°", "i\314\207"},
    {"naïve façade", "naïve façade"},
    {"Ã¢â‚¬â„¢", "'"},
    {"l’humanitÃ© ok", "l'humanité ok"},
    {"â€œlostâ€\357\277\275", "\"lost\357\277\275"},
    {"doubled: ÃƒÂ©", "doubled: é"},
    {"ﾊﾟﾋﾟ", "パピ"},
    {"a\034b\302\205c", "ab…c"},
    {"¡Hola! ¿Qué? 20 °C – 50 €", "¡hola! ¿qué? 20 °c – 50 €"},
};
// clang-format on

static void texts_are_cleaned_as_open_clip_does(void **state) {
    (void)state;
    struct buffer out = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buffer_clear(&out);
        cleaner_clean(cleaner, &out, rows[i].text, strlen(rows[i].text));
        assert_string_equal(out.bytes ? out.bytes : "", rows[i].clean);
    }
    buffer_release(&out);
}

// A cleaned text is clean, but for references that HTML's own text spells.
static void a_fixed_text_stays(void **state) {
    (void)state;
    struct buffer once = {0}, twice = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buffer_clear(&once);
        buffer_clear(&twice);
        cleaner_fix(cleaner, &once, rows[i].text, strlen(rows[i].text));
        cleaner_fix(cleaner, &twice, once.bytes ? once.bytes : "", once.size);
        assert_string_equal(once.bytes ? once.bytes : "", twice.bytes ? twice.bytes : "");
    }
    buffer_release(&once);
    buffer_release(&twice);
}

static void what_is_not_utf8_is_marked(void **state) {
    (void)state;
    struct buffer out = {0};
    static const char text[] = "a\xff b\xe2\x82 c\xed\xa0\x80";
    cleaner_clean(cleaner, &out, text, sizeof text - 1);
    assert_string_equal(out.bytes, "a\357\277\275 b\357\277\275 c\357\277\275\357\277\275\357\277\275");
    buffer_release(&out);
}

static void every_reference_has_its_semicolon_or_not(void **state) {
    (void)state;
    static const struct {
        const char *text, *all, *sure;
    } table[] = {
        {"&amp &amp;", "& &", "&amp &"},
        {"&notit;", "\xc2\xacit;", "&notit;"},
        {"&#38 &#x26; &#X26;", "& & &", "&#38 & &"},
        {"&#; &#x; &; &&amp;", "&#; &#x; &; &&", "&#; &#x; &; &&"},
        {"&NTILDE; &nTILDE;", "&NTILDE; &nTILDE;", "\xc3\x91 &nTILDE;"},
        {"&#59; &#12abc;", "; \fabc;", "&#59; &#12abc;"},
    };
    struct buffer out = {0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_clear(&out);
        html_unescape(&out, table[i].text, strlen(table[i].text));
        assert_string_equal(out.bytes, table[i].all);
        buffer_clear(&out);
        html_unescape_sure(&out, table[i].text, strlen(table[i].text));
        assert_string_equal(out.bytes, table[i].sure);
    }
    buffer_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cleaned_as_open_clip_does),
        cmocka_unit_test(a_fixed_text_stays),
        cmocka_unit_test(what_is_not_utf8_is_marked),
        cmocka_unit_test(every_reference_has_its_semicolon_or_not),
    };
    return cmocka_run_group_tests(tests, open_cleaner, close_cleaner);
}
