#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/record.h"

#define SPAN(text)                                                                                                     \
    (struct span) {                                                                                                    \
        (text), sizeof(text) - 1                                                                                       \
    }

static void assert_span(struct span span, struct span expected) {
    assert_int_equal(span.size, expected.size);
    if (span.size) assert_memory_equal(span.bytes, expected.bytes, span.size);
}

static void assert_spans(const struct span *spans, int count, const struct span *expected, int expected_count) {
    assert_int_equal(count, expected_count);
    for (int i = 0; i < count; i++) assert_span(spans[i], expected[i]);
}

// Every field, with bytes that are no text, and an empty caption between others.
static struct record full_record(void) {
    static struct span images[] = {{"\0\xff", 2}, {"x", 1}};
    static struct span captions[] = {{"a red frog", 10}, {"", 0}, {"\xc3\xa9t\xc3\xa9", 5}};
    static struct span labels[] = {{"frog", 4}}, answers[] = {{"yes", 3}, {"no", 2}};
    return (struct record){.image = SPAN("\x89PNG\0"),
                           .images = images,
                           .image_count = 2,
                           .captions = captions,
                           .caption_count = 3,
                           .labels = labels,
                           .label_count = 1,
                           .answers = answers,
                           .answer_count = 2,
                           .question = SPAN("is it red?"),
                           .id = SPAN("0007"),
                           .video = SPAN("\x1a\x45\xdf\xa3"),
                           .question_type = SPAN("is it"),
                           .answer_type = SPAN("yes/no"),
                           .answer = SPAN("yes"),
                           .class = 9000000000};
}

static void test_round_trip(void **state) {
    (void)state;
    const struct record in = full_record();
    struct record out;
    struct buffer bytes = {0};
    char reason[RECORD_REASON];
    record_encode(&in, &bytes);
    assert_int_equal(record_decode(&out, bytes.bytes, bytes.size, reason), 0);
    assert_span(out.image, in.image);
    assert_spans(out.images, out.image_count, in.images, in.image_count);
    assert_spans(out.captions, out.caption_count, in.captions, in.caption_count);
    assert_spans(out.labels, out.label_count, in.labels, in.label_count);
    assert_spans(out.answers, out.answer_count, in.answers, in.answer_count);
    assert_span(out.question, in.question);
    assert_span(out.id, in.id);
    assert_span(out.video, in.video);
    assert_span(out.question_type, in.question_type);
    assert_span(out.answer_type, in.answer_type);
    assert_span(out.answer, in.answer);
    assert_int_equal(out.class, in.class);
    assert_int_equal(record_fields(&out), (1u << RECORD_FIELDS) - 1);
    record_release(&out);
    buffer_release(&bytes);
}

static void test_empty_record(void **state) {
    (void)state;
    struct record out;
    struct buffer bytes = {0};
    char reason[RECORD_REASON];
    record_encode(&RECORD_EMPTY, &bytes);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(record_decode(&out, bytes.bytes, bytes.size, reason), 0);
    assert_int_equal(record_fields(&out), 0);
    assert_int_equal(out.class, -1);
    buffer_release(&bytes);
}

static void test_every_cut_is_refused(void **state) {
    (void)state;
    const struct record in = full_record();
    struct buffer bytes = {0};
    record_encode(&in, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct record out;
        char reason[RECORD_REASON] = "";
        unsigned char *cut = xmalloc(size + 1); // of its own, so that a sanitizer sees a byte too far
        memcpy(cut, bytes.bytes, size);
        cut = xrealloc(cut, size ? size : 1);
        assert_int_equal(record_decode(&out, cut, size, reason), -EXIT_DATA);
        assert_true(strlen(reason) > 0);
        assert_int_equal(record_fields(&out), 0);
        free(cut);
    }
    buffer_release(&bytes);
}

struct bad {
    const char *what;
    struct span bytes;
};

// Bytes are written out as MessagePack: 0x8n map of n, 0xan text of n bytes, 0x9n array of n, 0xc4 bin with a length.
static const struct bad lies[] = {
    {"no map", {"\x93\x01\x02\x03", 4}},
    {"map of 2^32-1", {"\xdf\xff\xff\xff\xff\xa2id\xa1x", 10}},
    {"map of 65535", {"\xde\xff\xff\xa2id\xa1x", 8}},
    {"captions of 2^32-1",
     {"\x81\xa8"
      "captions\xdd\xff\xff\xff\xff\xa1x",
      17}},
    {"images of 2^31 in an unknown key", {"\x81\xa1z\xdd\x80\x00\x00\x00\xa1x", 10}},
    {"image longer than the record", {"\x81\xa5image\xc6\xff\xff\xff\xff\x00", 13}},
    {"text longer than the record", {"\x81\xa2id\xdb\x7f\xff\xff\xffx", 10}},
    {"key longer than the record", {"\x81\xbfimage", 7}},
    {"key is a number", {"\x81\x01\xa1x", 4}},
    {"key stands twice", {"\x82\xa2id\xa1x\xa2id\xa1y", 11}},
    {"unknown key stands twice", {"\x82\xa2zz\xa1x\xa2zz\xa1y", 11}},
    {"image is text", {"\x81\xa5image\xa1x", 9}},
    {"id is bytes", {"\x81\xa2id\xc4\x01x", 7}},
    {"class is text",
     {"\x81\xa5"
      "class\xa1x",
      9}},
    {"class is negative",
     {"\x81\xa5"
      "class\xff",
      8}},
    {"class is above 2^63",
     {"\x81\xa5"
      "class\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
      16}},
    {"class is a fraction",
     {"\x81\xa5"
      "class\xca\x3f\x80\x00\x00",
      12}},
    {"captions is one text",
     {"\x81\xa8"
      "captions\xa1x",
      12}},
    {"captions hold a number",
     {"\x81\xa8"
      "captions\x91\x01",
      12}},
    {"undefined type", {"\x81\xa2id\xc1", 5}},
    {"undefined type in an unknown key", {"\x81\xa1z\x91\xc1", 5}},
    {"bytes behind", {"\x80\x00", 2}},
    {"ext longer than the record", {"\x81\xa1z\xc9\xff\xff\xff\xff\x01x", 10}},
};

static void test_lies_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct record out;
        char reason[RECORD_REASON] = "";
        if (record_decode(&out, lies[i].bytes.bytes, lies[i].bytes.size, reason) != -EXIT_DATA)
            fail_msg("accepted: %s", lies[i].what);
        assert_true(strlen(reason) > 0);
    }
}

static void test_counts_over_the_limits_are_refused(void **state) {
    (void)state;
    struct span text = SPAN("x"), *texts = xcalloc(RECORD_TEXTS_LIMIT + 1, sizeof *texts);
    for (int i = 0; i <= RECORD_TEXTS_LIMIT; i++) texts[i] = text;
    for (int over = 0; over < 2; over++) {
        struct record in = RECORD_EMPTY, out;
        struct buffer bytes = {0};
        char reason[RECORD_REASON];
        in.captions = texts;
        in.caption_count = RECORD_TEXTS_LIMIT + over;
        record_encode(&in, &bytes);
        assert_int_equal(record_decode(&out, bytes.bytes, bytes.size, reason), over ? -EXIT_DATA : 0);
        record_release(&out);
        buffer_release(&bytes);
    }
    free(texts);
}

static void test_more_keys_than_the_limit_are_refused(void **state) {
    (void)state;
    struct buffer bytes = {0};
    buffer_append(&bytes, "\xde\x00\xc8", 3);
    for (int i = 0; i < 200; i++) buffer_format(&bytes, "\xa3%03d\x01", i);
    struct record out;
    char reason[RECORD_REASON];
    assert_int_equal(record_decode(&out, bytes.bytes, bytes.size, reason), -EXIT_DATA);
    buffer_release(&bytes);
}

// A million nested arrays in an unknown key cost no stack.
static void test_deep_nesting_is_skipped(void **state) {
    (void)state;
    struct buffer bytes = {0};
    buffer_append(&bytes, "\x82\xa1z", 3);
    for (int i = 0; i < 1000000; i++) buffer_append(&bytes, "\x91", 1);
    buffer_append(&bytes, "\xc0\xa2id\xa1x", 6);
    struct record out;
    char reason[RECORD_REASON];
    assert_int_equal(record_decode(&out, bytes.bytes, bytes.size, reason), 0);
    assert_span(out.id, SPAN("x"));
    record_release(&out);
    buffer_release(&bytes);
}

// One of each MessagePack type under unknown keys, and nil where a field is known.
static void test_unknown_keys_and_nil_are_skipped(void **state) {
    (void)state;
    static const char bytes[] = "\x8c\xa5image\xc0\xa8"
                                "captions\xc0"
                                "\xa1"
                                "a\xc3\xa1"
                                "b\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa1"
                                "c\xd8\x05"
                                "0123456789abcdef\xa1"
                                "d\xc7\x02\x05xy"
                                "\xa1"
                                "e\x82\xa1x\x01\x02\x91\xa1y\xa1"
                                "f\xd1\xff\x00\xa1g\xce\xff\xff\xff\xff\xa1h\xdc\x00\x01\xc2\xa1i\xd9\x01z\xa2id\xa1q";
    struct record out;
    char reason[RECORD_REASON] = "";
    if (record_decode(&out, bytes, sizeof bytes - 1, reason)) fail_msg("%s", reason);
    assert_span(out.id, SPAN("q"));
    assert_int_equal(out.image.size, 0);
    assert_int_equal(out.caption_count, 0);
    record_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_empty_record),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_lies_are_refused),
        cmocka_unit_test(test_counts_over_the_limits_are_refused),
        cmocka_unit_test(test_more_keys_than_the_limit_are_refused),
        cmocka_unit_test(test_deep_nesting_is_skipped),
        cmocka_unit_test(test_unknown_keys_and_nil_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
