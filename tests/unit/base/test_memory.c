#include "support.h"

#include "base/memory.h"

// So that exhaustion is ours to report under AddressSanitizer too.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static volatile size_t huge = SIZE_MAX / 2, all = SIZE_MAX;
static void *volatile sink; // keeps the compiler from leaving an allocation out

static void take_huge(void) {
    sink = xmalloc(huge);
}

static void take_huge_zeroed(void) {
    sink = xcalloc(huge, 1);
}

static void take_overflowing_zeroed(void) {
    sink = xcalloc(huge, 3);
}

static void take_overflowing_array(void) {
    sink = xrealloc_array(NULL, huge, 4);
}

static void grow_huge(void) {
    sink = xrealloc(xmalloc(1), huge);
}

static void take_huge_aligned(void) {
    sink = xaligned(huge);
}

static void take_rounding_aligned(void) {
    sink = xaligned(all);
}

static void reserve_overflow(void) {
    struct buffer buffer = {0};
    buffer_text(&buffer, "x");
    buffer_reserve(&buffer, all);
}

static void exhaustion_ends_the_process(void **state) {
    (void)state;
    void (*const takers[])(void) = {take_huge, take_huge_zeroed,  take_overflowing_zeroed, take_overflowing_array,
                                    grow_huge, take_huge_aligned, take_rounding_aligned};
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) assert_exits(takers[i], EXIT_RUN, "out of memory");
    assert_exits(reserve_overflow, EXIT_RUN, "too large");
}

static void nothing_is_a_valid_size(void **state) {
    (void)state;
    void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xcalloc(8, 0), *d = xaligned(0), *e = xrealloc(xmalloc(4), 0),
         *f = xrealloc_array(NULL, 0, 4);
    assert_true(a && b && c && d && e && f);
    free(a), free(b), free(c), free(d), free(e), free(f);
}

static void zeroed_and_aligned_are(void **state) {
    (void)state;
    unsigned char *zeroed = xcalloc(33, 7);
    for (int i = 0; i < 33 * 7; i++) assert_int_equal(zeroed[i], 0);
    free(zeroed);
    for (size_t bytes = 1; bytes < 200; bytes += 13) {
        unsigned char *aligned = xaligned(bytes);
        assert_int_equal((uintptr_t)aligned % 64, 0);
        memset(aligned, 1, bytes);
        free(aligned);
    }
}

static void growing_keeps_what_was_there(void **state) {
    (void)state;
    int *list = NULL;
    for (int i = 0; i < 100; i++) {
        list = xrealloc_array(list, (size_t)i + 1, sizeof *list);
        list[i] = i;
    }
    for (int i = 0; i < 100; i++) assert_int_equal(list[i], i);
    free(list);
}

static void texts_are_copied(void **state) {
    (void)state;
    char *whole = xstrdup("caption"), *part = xstrndup("caption", 3), *empty = xstrndup("x", 0),
         *made = xformat("%s-%d", "step", 7);
    assert_string_equal(whole, "caption");
    assert_string_equal(part, "cap");
    assert_string_equal(empty, "");
    assert_string_equal(made, "step-7");
    free(whole), free(part), free(empty), free(made);
}

static void a_buffer_ends_with_a_nul_that_it_does_not_count(void **state) {
    (void)state;
    struct buffer buffer = {0};
    char want[1001] = "";
    for (int i = 0; i < 1000; i++) {
        buffer_append(&buffer, &(char){(char)('a' + i % 26)}, 1);
        want[i] = (char)('a' + i % 26);
        assert_int_equal(buffer.size, i + 1);
        assert_true(buffer.capacity > buffer.size);
        assert_int_equal(strlen(buffer.bytes), buffer.size);
    }
    assert_string_equal(buffer.bytes, want);
    buffer_release(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.size + buffer.capacity, 0);
}

static void a_buffer_takes_bytes_text_and_formats(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, NULL, 0);
    assert_string_equal(buffer.bytes, "");
    buffer_append(&buffer, "a\0b", 3);
    buffer_text(&buffer, "cd");
    buffer_format(&buffer, "%0*d", 300, 5);
    assert_int_equal(buffer.size, 305);
    assert_memory_equal(buffer.bytes, "a\0bcd000", 8);
    assert_string_equal(buffer.bytes + 300, "00005");
    buffer_format(&buffer, "%s", "");
    assert_int_equal(buffer.size, 305);
    char *bytes = buffer.bytes;
    buffer_clear(&buffer);
    assert_string_equal(buffer.bytes, "");
    buffer_text(&buffer, "again");
    assert_ptr_equal(buffer.bytes, bytes);
    assert_string_equal(buffer.bytes, "again");
    buffer_release(&buffer);
    buffer_clear(&buffer);
    buffer_release(&buffer);
}

static void a_reserve_is_enough(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_reserve(&buffer, 5000);
    char *bytes = buffer.bytes;
    char block[5000] = {0};
    buffer_append(&buffer, block, sizeof block);
    assert_ptr_equal(buffer.bytes, bytes);
    buffer_release(&buffer);
}

static void strings_own_their_items(void **state) {
    (void)state;
    struct strings list = {0};
    char text[16];
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "n%d", i);
        strings_add_text(&list, text);
    }
    strings_add(&list, "abcdef", 2);
    assert_int_equal(list.count, 41);
    assert_string_equal(list.item[0], "n0");
    assert_string_equal(list.item[39], "n39");
    assert_string_equal(list.item[40], "ab");
    strings_clear(&list);
    assert_int_equal(list.count, 0);
    strings_add_text(&list, "x");
    assert_string_equal(list.item[0], "x");
    strings_release(&list);
    assert_null(list.item);
    assert_int_equal(list.count + list.capacity, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exhaustion_ends_the_process),
        cmocka_unit_test(nothing_is_a_valid_size),
        cmocka_unit_test(zeroed_and_aligned_are),
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(a_buffer_ends_with_a_nul_that_it_does_not_count),
        cmocka_unit_test(a_buffer_takes_bytes_text_and_formats),
        cmocka_unit_test(a_reserve_is_enough),
        cmocka_unit_test(strings_own_their_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
