#include "../base/support.h"

#include "tensor/arena.h"

// Three pieces, one of them scratch; the same for measuring and for use.
static void lay_out(struct arena *arena, char *piece[3]) {
    piece[0] = arena_take(arena, 100);
    size_t mark = arena_mark(arena);
    piece[1] = arena_take(arena, 1000);
    arena_reset(arena, mark);
    piece[2] = arena_take(arena, 64);
}

static void measuring_tells_what_use_takes(void **state) {
    (void)state;
    struct arena arena;
    char *piece[3];
    arena_begin(&arena, NULL, SIZE_MAX);
    lay_out(&arena, piece);
    assert_null(piece[0]);
    assert_null(piece[1]);
    assert_null(piece[2]);
    assert_int_equal(arena.used, 128 + 64);
    assert_int_equal(arena.peak, 128 + 1024);
    size_t peak = arena.peak;
    char *memory = xaligned(peak);
    arena_begin(&arena, memory, peak);
    lay_out(&arena, piece);
    assert_ptr_equal(piece[0], memory);
    assert_ptr_equal(piece[1], memory + 128);
    assert_ptr_equal(piece[2], memory + 128);
    assert_int_equal(arena.used, 128 + 64);
    assert_int_equal(arena.peak, peak);
    free(memory);
}

static void pieces_are_aligned_and_apart(void **state) {
    (void)state;
    struct arena arena;
    char *memory = xaligned(100 * 192), *end = memory;
    arena_begin(&arena, memory, 100 * 192);
    for (size_t bytes = 0; bytes < 100; bytes++) {
        char *piece = arena_take(&arena, bytes);
        assert_int_equal((uintptr_t)piece % ARENA_ALIGN, 0);
        assert_true(piece >= end);
        memset(piece, 1, bytes);
        end = piece + bytes;
    }
    free(memory);
}

static void the_last_byte_may_be_taken(void **state) {
    (void)state;
    struct arena arena;
    char *memory = xaligned(128);
    arena_begin(&arena, memory, 128);
    assert_ptr_equal(arena_take(&arena, 128), memory);
    assert_int_equal(arena.used, 128);
    assert_non_null(arena_take(&arena, 0));
    free(memory);
}

static char memory[256];

static void take_too_much(void) {
    struct arena arena;
    arena_begin(&arena, memory, sizeof memory);
    arena_take(&arena, 1);
    arena_take(&arena, 193);
}

static void take_a_wrapping_size(void) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    arena_take(&arena, SIZE_MAX);
}

static void measure_past_the_end(void) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    arena_take(&arena, SIZE_MAX / 2);
    arena_take(&arena, SIZE_MAX / 2);
}

static void reset_forward(void) {
    struct arena arena;
    arena_begin(&arena, memory, sizeof memory);
    arena_reset(&arena, 64);
}

static void misuse_is_a_bug(void **state) {
    (void)state;
    assert_aborts(take_too_much, "arena of 256 bytes is full at 64, asked for 193");
    assert_aborts(take_a_wrapping_size, "is full");
    assert_aborts(measure_past_the_end, "is full");
    assert_aborts(reset_forward, "arena reset to 64, ahead of 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measuring_tells_what_use_takes),
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_last_byte_may_be_taken),
        cmocka_unit_test(misuse_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
