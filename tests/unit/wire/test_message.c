// Building and reading messages.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "wire/message.h"
#include "wire/storage.h"

static const struct unit unit = {4, 2, 40, 8};

static void test_tensors(void **state) {
    (void)state;
    struct message *message = message_new(MESSAGE_DATA, unit);
    const void *data = NULL;
    float *features = message_add(message, "features", DT_F32, SHAPE(8, 3, 5));
    assert_int_equal((uintptr_t)features % 64, 0);
    assert_non_null(message_add(message, "ids", DT_I64, SHAPE(0)));
    assert_int_equal(message_tensor(message, "features", DT_F32, SHAPE(8, -1, 5), &data), 0);
    assert_ptr_equal(data, features);
    assert_int_equal(message_tensor(message, "features", DT_F32, SHAPE(8, 3, 6), &data), -EXIT_RUN);
    assert_int_equal(message_tensor(message, "features", DT_F32, SHAPE(8, 3), &data), -EXIT_RUN);
    assert_int_equal(message_tensor(message, "features", DT_BF16, SHAPE(8, 3, 5), &data), -EXIT_RUN);
    assert_int_equal(message_tensor(message, "feature", DT_F32, SHAPE(8, 3, 5), &data), -EXIT_RUN);
    assert_non_null(message_find(message, "ids"));
    assert_null(message_find(message, "id"));
    message_free(&message);
    assert_null(message);
    message_free(&message);
}

static void test_fields(void **state) {
    (void)state;
    struct message *message = message_tell("scale", unit);
    int64_t integer;
    double real;
    message_set_int(message, "last", 1);
    message_set_int(message, "last", 0);
    message_set_real(message, "clip", 0.25);
    assert_int_equal(message->field_count, 2);
    assert_int_equal(message_int(message, "last", &integer), 0);
    assert_int_equal(integer, 0);
    assert_int_equal(message_real(message, "clip", &real), 0);
    assert_true(real == 0.25);
    assert_int_equal(message_int(message, "clip", &integer), -EXIT_RUN); // no silent conversion
    assert_int_equal(message_real(message, "last", &real), -EXIT_RUN);
    assert_int_equal(message_real(message, "norm", &real), -EXIT_RUN);
    assert_string_equal(message_text(message, "clip"), "");
    assert_string_equal(message_text(message, "none"), "");
    message_free(&message);
}

static void test_texts_are_made_fit(void **state) {
    (void)state;
    struct message *message = message_new(MESSAGE_REFUSE, unit);
    char longest[2 * WIRE_TEXT];
    message_set_text(message, "why", "two\nlines\x7f");
    assert_string_equal(message_text(message, "why"), "two lines ");
    message_set_text(message, "why", "not \xff utf-8");
    assert_string_equal(message_text(message, "why"), "not ? utf-8");
    memset(longest, 'x', sizeof longest);
    memcpy(longest + WIRE_TEXT - 2, "\xc3\xa9", 2); // a character that the limit would cut
    longest[sizeof longest - 1] = 0;
    message_set_text(message, "why", longest);
    assert_int_equal(strlen(message_text(message, "why")), WIRE_TEXT - 2);
    message_free(&message);
}

static void test_strings(void **state) {
    (void)state;
    struct message *message = message_new(MESSAGE_DATA, unit);
    const char *names[] = {"a cat", "", "zwölf"};
    message_add_strings(message, "names", names, 3);
    message_add_strings(message, "none", names, 0);
    memcpy(message_add(message, "open", DT_U8, SHAPE(3)), "abc", 3);
    memset(message_add(message, "wide", DT_I32, SHAPE(1)), 0, 4);
    for (int i = 0; i < 3; i++) assert_string_equal(message_string(message, "names", i), names[i]);
    assert_null(message_string(message, "names", 3));
    assert_null(message_string(message, "names", -1));
    assert_null(message_string(message, "none", 0));
    assert_null(message_string(message, "open", 0)); // not terminated
    assert_null(message_string(message, "wide", 0));
    assert_null(message_string(message, "absent", 0));
    message_free(&message);
}

// What arrives is aligned whatever libzmq did, and a frame that is aligned already is not copied.
static void test_frames_are_aligned(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 20, 4095, 4096, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int offset = 0; offset < 2; offset++) {
            struct message *message = message_new(MESSAGE_DATA, unit);
            unsigned char *bytes = aligned_alloc(64, 1 << 17);
            zmq_msg_t frame;
            for (int j = 0; j < 1 << 17; j++) bytes[j] = (unsigned char)(j * 7);
            zmq_msg_init_data(&frame, bytes + offset, sizes[i], NULL, NULL);
            storage_own_frame(message, &frame);
            zmq_msg_close(&frame);
            assert_int_equal((uintptr_t)message->tensor[0].data % 64, 0);
            assert_memory_equal(message->tensor[0].data, bytes + offset, sizes[i]);
            assert_int_equal(message->tensor[0].data == bytes, offset == 0 && sizes[i] >= 4096);
            message_free(&message);
            free(bytes);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_texts_are_made_fit),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_frames_are_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
