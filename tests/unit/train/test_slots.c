// Reading tensors that lie in shared memory: where a message may point, and where not.
#include "../run/run.h"

#include "train/slots.h"

enum { ROWS = 4, WIDTH = 16, STRIDE = 4096 }; // of a slot; it takes 256 bytes

static struct ops *ops;
static struct shared_memory memory;

static int open_memory(void **state) {
    (void)state;
    if (ops_open(&ops, "cpu", DT_F32, 1)) return -1;
    ops->share(ops, &memory, 3 * STRIDE, 0);
    for (int i = 0; i < 3 * STRIDE / 4; i++) ((float *)memory.at)[i] = (float)i;
    return memory.at ? 0 : -1;
}

static int close_memory(void **state) {
    (void)state;
    ops->close_shared(ops, &memory);
    ops_close(&ops);
    return 0;
}

static struct message *message_at(int64_t offset, const unsigned char handle[SHARED_HANDLE]) {
    struct message *message = message_new(MESSAGE_DATA, (struct unit){0});
    struct shared_place place = {.offset = offset, .word = -1};
    memcpy(place.handle, handle, SHARED_HANDLE);
    message_add_shared(message, "features", DT_F32, SHAPE(ROWS, WIDTH), &place);
    return message;
}

static int read_at(struct slot_reader *reader, int64_t offset, const unsigned char handle[SHARED_HANDLE],
                   const void **rows) {
    struct message *message = message_at(offset, handle);
    int status = slot_read(reader, message, "features", DT_F32, SHAPE(ROWS, WIDTH), rows);
    message_free(&message);
    return status;
}

static void slots_are_read_where_they_lie(void **state) {
    (void)state;
    struct slot_reader reader = {.ops = ops};
    const float *rows;
    for (int slot = 2; slot >= 0; slot--) {
        assert_int_equal(read_at(&reader, slot * STRIDE, memory.handle, (const void **)&rows), 0);
        assert_true(rows[0] == (float)(slot * STRIDE / 4) && rows[ROWS * WIDTH - 1] == rows[0] + ROWS * WIDTH - 1);
    }
    // Both have it open, not a copy.
    ((float *)memory.at)[0] = -7;
    assert_true(rows[0] == -7);
    // The last place where it fits.
    assert_int_equal(read_at(&reader, 3 * STRIDE - 256, memory.handle, (const void **)&rows), 0);
    slot_reader_close(&reader);
}

static void places_outside_are_refused(void **state) {
    (void)state;
    static const int64_t outside[] = {-64, -1, 3 * STRIDE - 192, 3 * STRIDE, INT64_MAX - 63, INT64_MIN, 4};
    struct slot_reader reader = {.ops = ops};
    const void *rows;
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        listen_in();
        assert_int_equal(read_at(&reader, outside[i], memory.handle, &rows), -EXIT_RUN);
        assert_has(heard(), "outside of its shared memory");
    }
    slot_reader_close(&reader);
}

static void memory_that_cannot_be_opened_names_the_remedy(void **state) {
    (void)state;
    struct slot_reader reader = {.ops = ops};
    unsigned char handle[SHARED_HANDLE] = {0};
    const void *rows;
    listen_in();
    assert_int_equal(read_at(&reader, 0, handle, &rows), -EXIT_USAGE);
    assert_has(heard(), "--transport frames");
    assert_int_equal(read_at(&reader, 0, memory.handle, &rows), 0); // a peer that came back with good memory
    slot_reader_close(&reader);
}

// Two peers in turn, both of which stay open; and more than there is room for.
static void memory_of_several_peers_is_read_in_turn(void **state) {
    (void)state;
    enum { PEERS = SLOT_WRITERS + 3 };
    static struct shared_memory peer[PEERS];
    struct slot_reader reader = {.ops = ops};
    const float *rows[2], *again;
    for (int i = 0; i < PEERS; i++) {
        ops->share(ops, &peer[i], STRIDE, 0);
        ((float *)peer[i].at)[0] = (float)(1000 + i);
    }
    for (int i = 0; i < 2; i++) assert_int_equal(read_at(&reader, 0, peer[i].handle, (const void **)&rows[i]), 0);
    assert_true(rows[0][0] == 1000 && rows[1][0] == 1001); // the first one's is there still
    assert_int_equal(read_at(&reader, 0, peer[0].handle, (const void **)&again), 0);
    assert_ptr_equal(again, rows[0]);
    for (int i = 0; i < PEERS; i++) {
        assert_int_equal(read_at(&reader, 0, peer[i].handle, (const void **)&again), 0);
        assert_true(again[0] == (float)(1000 + i));
    }
    assert_int_equal(reader.writers, SLOT_WRITERS);
    slot_reader_close(&reader);
    assert_int_equal(reader.writers, 0);
    for (int i = 0; i < PEERS; i++) ops->close_shared(ops, &peer[i]);
}

// The reader gives a slot back through a word that both see; a word elsewhere is refused.
static void a_slot_is_given_back(void **state) {
    (void)state;
    struct slot_reader reader = {.ops = ops};
    struct shared_memory words;
    struct shared_place place = {.offset = 0, .word = 4};
    const void *rows;
    ops->share(ops, &words, 12, 0);
    uint32_t *word = words.at;
    word[0] = word[1] = word[2] = 1;
    memcpy(place.handle, memory.handle, SHARED_HANDLE);
    memcpy(place.word_handle, words.handle, SHARED_HANDLE);
    for (place.word = 4; place.word <= 16; place.word += 2) {
        struct message *message = message_new(MESSAGE_DATA, (struct unit){0});
        message_add_shared(message, "features", DT_F32, SHAPE(ROWS, WIDTH), &place);
        bool inside = place.word == 4 || place.word == 8;
        assert_int_equal(slot_read(&reader, message, "features", DT_F32, SHAPE(ROWS, WIDTH), &rows),
                         inside ? 0 : -EXIT_RUN);
        message_free(&message);
        if (place.word == 4) assert_int_equal(word[1], 1);
        slot_give_back(&reader);
    }
    assert_true(word[0] == 1 && word[1] == 0 && word[2] == 0);
    slot_reader_close(&reader);
    ops->close_shared(ops, &words);
}

static void messages_that_carry_their_bytes_are_read_too(void **state) {
    (void)state;
    struct slot_reader reader = {.ops = ops};
    struct message *message = message_new(MESSAGE_DATA, (struct unit){0});
    const void *rows;
    void *data = message_add(message, "features", DT_F32, SHAPE(ROWS, WIDTH));
    assert_int_equal(slot_read(&reader, message, "features", DT_F32, SHAPE(ROWS, WIDTH), &rows), 0);
    assert_ptr_equal(rows, data);
    message_free(&message);
    slot_reader_close(&reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_read_where_they_lie),
        cmocka_unit_test(places_outside_are_refused),
        cmocka_unit_test(memory_that_cannot_be_opened_names_the_remedy),
        cmocka_unit_test(memory_of_several_peers_is_read_in_turn),
        cmocka_unit_test(a_slot_is_given_back),
        cmocka_unit_test(messages_that_carry_their_bytes_are_read_too),
    };
    return cmocka_run_group_tests(tests, open_memory, close_memory);
}
