// The header: what goes in comes out, and each way in which it can lie is found before anything is believed.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "wire/codec.h"

static struct message *example(void) {
    struct message *message = message_new(MESSAGE_DATA, (struct unit){3, 1, 310, 2});
    strcpy(message->run, "r1");
    strcpy(message->from, "text-decode");
    message->rank = 2;
    message->microbatches = 4;
    message_set_real(message, "loss", 0.5);
    message_set_int(message, "count", -3);
    message_set_text(message, "word", "x");
    message_add(message, "a", DT_F32, SHAPE(2, 3));
    message_add(message, "b", DT_U8, SHAPE(4));
    return message;
}

static struct buffer header_of(struct message *message) {
    struct buffer bytes = {0};
    message_encode_header(message, &bytes);
    message_free(&message);
    return bytes;
}

static int decode(const struct buffer *bytes, struct message **message, int64_t *lengths, char *reason) {
    *message = message_new(MESSAGE_PROBE, (struct unit){0});
    return message_decode_header(*message, lengths, bytes->bytes, bytes->size, reason);
}

static void test_round_trip(void **state) {
    (void)state;
    struct message *message;
    struct buffer bytes = header_of(example());
    int64_t lengths[WIRE_TENSORS], integer;
    double real;
    char reason[WIRE_REASON];
    assert_int_equal(decode(&bytes, &message, lengths, reason), 0);
    assert_int_equal(message->kind, MESSAGE_DATA);
    assert_string_equal(message->run, "r1");
    assert_string_equal(message->from, "text-decode");
    assert_int_equal(message->rank, 2);
    assert_int_equal(message->unit.step, 3);
    assert_int_equal(message->unit.microbatch, 1);
    assert_int_equal(message->unit.first, 310);
    assert_int_equal(message->unit.samples, 2);
    assert_int_equal(message->microbatches, 4);
    assert_int_equal(message_real(message, "loss", &real), 0);
    assert_true(real == 0.5);
    assert_int_equal(message_int(message, "count", &integer), 0);
    assert_int_equal(integer, -3);
    assert_string_equal(message_text(message, "word"), "x");
    assert_int_equal(message->tensor_count, 2);
    assert_string_equal(message->tensor[0].name, "a");
    assert_true(shape_equal(message->tensor[0].shape, SHAPE(2, 3)));
    assert_int_equal(lengths[0], 24);
    assert_int_equal(message->tensor[1].dtype, DT_U8);
    assert_int_equal(lengths[1], 4);
    struct buffer again = {0};
    message_encode_header(message, &again);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.bytes, bytes.bytes, bytes.size);
    message_free(&message);
    buffer_release(&bytes);
    buffer_release(&again);
}

static void test_extremes_travel(void **state) {
    (void)state;
    struct message *message = message_tell("norm", (struct unit){-1, -1, 0, 0});
    int64_t lengths[WIRE_TENSORS], integer;
    double real;
    char reason[WIRE_REASON], name[40];
    message_set_real(message, "nan", NAN);
    message_set_real(message, "inf", -INFINITY);
    message_set_int(message, "low", INT64_MIN);
    message_set_int(message, "high", INT64_MAX);
    for (int i = 0; i < WIRE_FIELDS - 4; i++) {
        snprintf(name, sizeof name, "a-name-of-31-bytes-is-long.%04d", i);
        message_set_int(message, name, i);
    }
    for (int i = 0; i < WIRE_TENSORS; i++) {
        snprintf(name, sizeof name, "%d", i);
        message_add(message, name, DT_I64, SHAPE(0, 1, 2, 3, 4, 5));
    }
    struct buffer bytes = header_of(message);
    assert_int_equal(decode(&bytes, &message, lengths, reason), 0);
    assert_int_equal(message_real(message, "nan", &real), 0);
    assert_true(isnan(real));
    assert_int_equal(message_real(message, "inf", &real), 0);
    assert_true(isinf(real) && real < 0);
    assert_int_equal(message_int(message, "low", &integer), 0);
    assert_true(integer == INT64_MIN);
    assert_int_equal(message_int(message, "high", &integer), 0);
    assert_true(integer == INT64_MAX);
    assert_int_equal(message->field_count, WIRE_FIELDS);
    assert_int_equal(message->tensor_count, WIRE_TENSORS);
    message_free(&message);
    buffer_release(&bytes);
}

// What lies in shared memory: its frame holds the place, and only who asks for places gets it.
static void test_shared_places(void **state) {
    (void)state;
    struct message *message = message_new(MESSAGE_DATA, (struct unit){0});
    const struct shared_place place = {.offset = 640, .handle = "there", .word = 4};
    const struct shared_place *found;
    int64_t lengths[WIRE_TENSORS];
    char reason[WIRE_REASON];
    const void *data;
    float *here = message_add(message, "here", DT_F32, SHAPE(2));
    message_add_shared(message, "there", DT_BF16, SHAPE(1000, 3), &place);
    assert_non_null(message_find(message, "here"));
    assert_null(message_find(message, "there"));
    assert_int_equal(message_placed_tensor(message, "here", DT_F32, SHAPE(2), &data, &found), 0);
    assert_true(!found && data == here);
    assert_int_equal(message_placed_tensor(message, "there", DT_BF16, SHAPE(-1, 3), &data, &found), 0);
    assert_null(data);
    assert_memory_equal(found, &place, sizeof place);
    assert_int_equal(message_tensor(message, "there", DT_BF16, SHAPE(-1, 3), &data), -EXIT_RUN);
    assert_int_equal(message_placed_tensor(message, "there", DT_F32, SHAPE(-1, 3), &data, &found), -EXIT_RUN);
    struct buffer bytes = header_of(message);
    assert_int_equal(decode(&bytes, &message, lengths, reason), 0);
    assert_true(!message->shared[0] && message->shared[1]);
    assert_int_equal(lengths[0], 8);
    assert_int_equal(lengths[1], sizeof place);
    assert_true(shape_equal(message->tensor[1].shape, SHAPE(1000, 3)));
    message_free(&message);
    buffer_release(&bytes);
}

static void test_every_cut_is_found(void **state) {
    (void)state;
    struct buffer bytes = header_of(example());
    for (size_t size = 0; size < bytes.size; size++) {
        // A copy of the exact size, so that the sanitizer sees a read behind it.
        struct buffer cut = {malloc(size ? size : 1), size, size};
        struct message *message;
        int64_t lengths[WIRE_TENSORS];
        char reason[WIRE_REASON] = "";
        memcpy(cut.bytes, bytes.bytes, size);
        assert_int_equal(decode(&cut, &message, lengths, reason), -EXIT_RUN);
        assert_true(reason[0]);
        assert_int_equal(message->tensor_count, 0);
        message_free(&message);
        free(cut.bytes);
    }
    buffer_release(&bytes);
}

// One piece of the example's header replaced, and a word of the reason that must be given.
struct lie {
    const char *what, *piece;
    size_t piece_size;
    const char *instead;
    size_t instead_size;
    const char *reason;
};
#define LIE(what, piece, instead, reason)                                                                              \
    { what, piece, sizeof(piece) - 1, instead, sizeof(instead) - 1, reason }
// Octal, since a hexadecimal escape swallows the letters behind it.
#define LONG31 "\331\0500123456789012345678901234567890123456789"
static const struct lie lies[] = {
    LIE("another version", "\247version\001", "\247version\002", "version 2"),
    LIE("a version below 1", "\247version\001", "\247version\377", "version"),
    LIE("a version that is a text", "\247version\001", "\247version\2411", "version"),
    LIE("no kind", "\244kind", "\244kine", "'kind' is missing"),
    LIE("a kind with a blank", "\244kind\244data", "\244kind\244da a", "'kind' is no word"),
    LIE("a kind in capitals", "\244kind\244data", "\244kind\244DATA", "'kind' is no word"),
    LIE("a kind without a letter", "\244kind\244data", "\244kind\240", "'kind' is no word"),
    LIE("a kind that is a number", "\244kind\244data", "\244kind\005", "'kind' has the wrong type"),
    LIE("a key twice", "\244rank", "\244kind", "twice"),
    LIE("a key that is a number", "\244rank", "\007", "not a text"),
    LIE("a missing key", "\244rank", "\244runk", "'rank' is missing"),
    LIE("a negative rank", "\244rank\002", "\244rank\377", "rank"),
    LIE("a step below -1", "\244step\003", "\244step\376", "step"),
    LIE("a step above 2^63", "\244step\003", "\244step\317\377\377\377\377\377\377\377\377", "step"),
    LIE("a microbatch above 2^31", "\252microbatch\001", "\252microbatch\316\200\000\000\001", "microbatch"),
    LIE("a fractional step", "\244step\003", "\244step\312\100\000\000\000", "step"),
    LIE("a first below 0", "\245first\315\001\066", "\245first\377", "first"),
    LIE("samples that are nil", "\247samples\002", "\247samples\300", "samples"),
    LIE("a sender with a newline", "\253text-decode", "\253text\ndecode", "'from'"),
    LIE("a sender that is not UTF-8", "\253text-decode", "\253text\377decode", "'from'"),
    LIE("a sender of 40 bytes", "\253text-decode", LONG31, "'from'"),
    LIE("a sender with a NUL", "\242r1", "\242r\0", "'run'"),
    LIE("fields that are a list", "\246fields\203", "\246fields\226", "'fields' has the wrong type"),
    LIE("a field that is a list", "\244word\241x", "\244word\221\241x", "a field"),
    LIE("a field's name of 40 bytes", "\244word", LONG31, "a field's name"),
    LIE("a field twice", "\244word", "\244loss", "twice"),
    LIE("a map that counts more than there is", "\246fields\203", "\246fields\337\177\377\377\377", "larger"),
    LIE("a map that counts too many keys", "\246fields\203", "\246fields\336\000\120", "too many keys"),
    LIE("a list that counts more than there is", "\247tensors\222", "\247tensors\335\377\377\377\377", "larger"),
    LIE("a text longer than there is", "\244word\241x", "\244word\333\377\377\377\377", "larger"),
    LIE("bytes longer than there are", "\244word\241x", "\244word\306\377\377\377\377", "larger"),
    LIE("an extension longer than there is", "\244word\241x", "\244word\311\377\377\377\377\001", "larger"),
    LIE("the byte 0xc1", "\244word\241x", "\244word\301", "0xc1"),
    LIE("too deep", "\244word\241x", "\244word\221\221\221\221\221\001", "deep"),
    LIE("tensors that are a map", "\247tensors\222", "\247tensors\202", "not a text"),
    LIE("a tensor that is a number", "\247tensors\222", "\247tensors\223\001", "not a map"),
    LIE("a tensor too few in the list", "\247tensors\222", "\247tensors\221", "follow"),
    LIE("a tensor without a name", "\205\244name\241a", "\205\244nama\241a", "'name' is missing"),
    LIE("a tensor's name twice", "\205\244name\241b", "\205\244name\241a", "twice"),
    LIE("an unknown dtype", "\245dtype\243f32", "\245dtype\243f33", "dtype"),
    LIE("a dtype that does not travel", "\245dtype\243f32", "\245dtype\243f64", "dtype"),
    LIE("another dtype than its bytes", "\245dtype\243f32", "\245dtype\243i64", "does not make"),
    LIE("a shape that is a number", "\245shape\222\002\003", "\245shape\006", "shape"),
    LIE("a negative dimension", "\245shape\222\002\003", "\245shape\222\376\375", "no size"),
    LIE("seven dimensions", "\245shape\222\002\003", "\245shape\227\002\003\001\001\001\001\001", "more than 6"),
    LIE("a shape whose product overflows", "\245shape\222\002\003",
        "\245shape\222\317\100\000\000\000\000\000\000\000\317\100\000\000\000\000\000\000\000", "does not make"),
    LIE("more bytes than its shape makes", "\245bytes\030", "\245bytes\031", "does not make"),
    LIE("fewer bytes than its shape makes", "\245bytes\030", "\245bytes\027", "does not make"),
    LIE("bytes below zero", "\245bytes\030", "\245bytes\350", "bytes"),
    LIE("another place", "\245place\000", "\245place\002", "place"),
};

static struct buffer forge(const struct buffer *honest, const struct lie *lie) {
    struct buffer forged = {0};
    const char *at = memmem(honest->bytes, honest->size, lie->piece, lie->piece_size);
    if (!at) fail_msg("%s: the example has no such piece", lie->what);
    buffer_append(&forged, honest->bytes, (size_t)(at - honest->bytes));
    buffer_append(&forged, lie->instead, lie->instead_size);
    at += lie->piece_size;
    buffer_append(&forged, at, (size_t)(honest->bytes + honest->size - at));
    return forged;
}

static void test_lies(void **state) {
    (void)state;
    struct buffer honest = header_of(example());
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct buffer forged = forge(&honest, &lies[i]);
        struct message *message;
        int64_t lengths[WIRE_TENSORS];
        char reason[WIRE_REASON] = "";
        if (decode(&forged, &message, lengths, reason) == 0) fail_msg("%s was believed", lies[i].what);
        if (!strstr(reason, lies[i].reason)) fail_msg("%s: the reason given is '%s'", lies[i].what, reason);
        message_free(&message);
        buffer_release(&forged);
    }
    buffer_release(&honest);
}

static void test_whole_headers(void **state) {
    (void)state;
    struct message *message;
    int64_t lengths[WIRE_TENSORS];
    char reason[WIRE_REASON], zeros[WIRE_HEADER_LIMIT + 1] = {0};
    struct buffer bytes = {zeros, sizeof zeros, sizeof zeros};
    assert_int_equal(decode(&bytes, &message, lengths, reason), -EXIT_RUN);
    assert_non_null(strstr(reason, "more than"));
    message_free(&message);
    for (int byte = 0; byte < 256; byte++) { // a header of one byte, and of one byte and zeros
        memset(zeros, 0, 64);
        zeros[0] = (char)byte;
        for (bytes.size = 1; bytes.size <= 64; bytes.size += 63) {
            assert_int_equal(decode(&bytes, &message, lengths, reason), -EXIT_RUN);
            message_free(&message);
        }
    }
}

// What the wire does not know it carries under its own name, as the header's kind.
static void test_words(void **state) {
    (void)state;
    static const char *const words[] = {"step", "d-2", "a-word-of-31-bytes-is-long-0001"};
    struct message *message;
    int64_t lengths[WIRE_TENSORS];
    char reason[WIRE_REASON];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct buffer bytes = header_of(message_tell(words[i], (struct unit){5, 1, 0, 0}));
        assert_memory_equal(bytes.bytes + 1, "\244kind", 5);
        assert_int_equal(decode(&bytes, &message, lengths, reason), 0);
        assert_int_equal(message->kind, MESSAGE_TOLD);
        assert_string_equal(message->word, words[i]);
        assert_string_equal(message_name(message), words[i]);
        message_free(&message);
        buffer_release(&bytes);
    }
    assert_false(message_word_valid(""));
    assert_false(message_word_valid("data"));
    assert_false(message_word_valid("a-word-of-32-bytes-is-too-long-1"));
    assert_false(message_word_valid("two words"));
}

// A hello and a refuse of another version are read, so that the difference can be told.
static void test_other_versions_greet(void **state) {
    (void)state;
    for (int kind = 0; kind < MESSAGE_KINDS; kind++) {
        struct message *message =
            kind == MESSAGE_TOLD ? message_tell("step", (struct unit){0}) : message_new(kind, (struct unit){0});
        int64_t lengths[WIRE_TENSORS];
        char reason[WIRE_REASON];
        message->version = WIRE_VERSION + 1;
        struct buffer bytes = header_of(message);
        bool read = decode(&bytes, &message, lengths, reason) == 0;
        assert_int_equal(read, kind == MESSAGE_HELLO || kind == MESSAGE_REFUSE);
        message_free(&message);
        buffer_release(&bytes);
    }
}

static void test_unknown_keys_are_skipped(void **state) {
    (void)state;
    struct buffer honest = header_of(example());
    const struct lie more =
        LIE("two keys more", "\215\244kind", "\217\243new\222\201\241x\300\304\002zz\244kino\307\001\005z\244kind", "");
    struct buffer longer = forge(&honest, &more);
    struct message *message;
    int64_t lengths[WIRE_TENSORS];
    char reason[WIRE_REASON];
    assert_int_equal(decode(&longer, &message, lengths, reason), 0);
    assert_int_equal(message->unit.step, 3);
    message_free(&message);
    buffer_release(&longer);
    buffer_release(&honest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_extremes_travel),
        cmocka_unit_test(test_shared_places),
        cmocka_unit_test(test_every_cut_is_found),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_whole_headers),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_other_versions_greet),
        cmocka_unit_test(test_unknown_keys_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
