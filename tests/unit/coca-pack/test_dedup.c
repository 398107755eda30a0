#include "../base/support.h"

#include <math.h>

#include "../../../stages/coca-pack/exclude.h"
#include "../../../stages/coca-pack/matches.h"
#include "../../../stages/coca-pack/near_hashes.h"
#include "base/random.h"

static const struct random_key key = {5};

static uint64_t flipped(uint64_t hash, int bits, uint64_t draw) {
    for (int i = 0; i < bits;) {
        const uint64_t bit = (uint64_t)1 << random_below(key, draw++, 64);
        i += !!(hash & bit) == !!((hash ^ bit) & bit) ? 0 : 1;
        hash ^= bit;
    }
    return hash;
}

// What plain comparison with all finds: the least distance, of equal ones the first.
static int64_t look_through(const uint64_t *hash, int64_t count, uint64_t wanted, int most, int *distance) {
    int64_t best = -1;
    *distance = most + 1;
    for (int64_t i = 0; i < count; i++) {
        const int bits = __builtin_popcountll(hash[i] ^ wanted);
        if (bits < *distance) *distance = bits, best = i;
    }
    return best;
}

static void test_hashes_are_found_as_by_looking_at_all(void **state) {
    (void)state;
    enum { COUNT = 2000 };
    static uint64_t hash[COUNT];
    for (int most = 0; most <= 20; most++) {
        struct near_hashes *hashes = near_hashes_new(most);
        for (uint64_t i = 0; i < COUNT; i++) {
            hash[i] = i % 3 ? random_bits(key, i) : flipped(hash[i / 2], (int)(i % 7), 1000 * i);
            near_hashes_add(hashes, hash[i], (int64_t)i);
        }
        for (uint64_t i = 0; i < 500; i++) {
            const uint64_t wanted = flipped(hash[i * 4], (int)(i % 25), 50000 + 100 * i);
            int expected_distance, distance;
            const int64_t expected = look_through(hash, COUNT, wanted, most, &expected_distance);
            assert_int_equal(near_hashes_find(hashes, wanted, &distance), expected);
            if (expected >= 0) assert_int_equal(distance, expected_distance);
        }
        near_hashes_free(&hashes);
    }
}

static struct print print_of(uint64_t pixels, uint64_t look) {
    return (struct print){.pixels = pixels, .width = 2, .height = 2, .look = look, .has_look = true};
}

static void test_prints_of_two_datasets(void **state) {
    (void)state;
    const uint64_t a = random_bits(key, 1), b = random_bits(key, 2), c = random_bits(key, 3);
    struct print own[] = {print_of(1, a), print_of(2, b ^ 7), print_of(3, c ^ 31), {.pixels = 9}, print_of(4, a ^ 1)};
    struct print against[] = {print_of(8, b), print_of(1, b), print_of(5, c), print_of(1, a), {.pixels = 9}};
    own[4].width = 3; // the pixels of another shape
    against[2].has_look = false;
    struct match *match = matches_by_print(own, 5, against, 5, 4);
    assert_int_equal(match[0].kind, MATCH_EXACT);
    assert_int_equal(match[0].other, 1); // the first of two
    assert_int_equal(match[1].kind, MATCH_HASH);
    assert_int_equal(match[1].other, 0);
    assert_true(match[1].distance == 3);
    assert_int_equal(match[2].kind, MATCH_NONE);
    assert_int_equal(match[3].kind, MATCH_NONE); // nothing that could be compared
    assert_int_equal(match[4].kind, MATCH_HASH);
    free(match);
    match = matches_by_print(own, 5, against, 5, -1);
    assert_int_equal(match[1].kind, MATCH_NONE);
    free(match);
}

// 1 is like 0, 2 like 1 and not like 0, and so stays; 3 has 1's pixels, and is near to 0.
static void test_prints_within_a_dataset(void **state) {
    (void)state;
    const uint64_t a = random_bits(key, 1);
    const struct print own[] = {print_of(1, a), print_of(2, a ^ 0xf), print_of(3, a ^ 0xff), print_of(2, a ^ 0xf),
                                print_of(3, a ^ 0xff)};
    static const enum match_kind kinds[] = {MATCH_NONE, MATCH_HASH, MATCH_NONE, MATCH_HASH, MATCH_EXACT};
    static const int64_t others[] = {-1, 0, -1, 0, 2};
    struct match *match = matches_by_print(own, 5, NULL, 0, 4);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(match[i].kind, kinds[i]);
        assert_int_equal(match[i].other, others[i]);
    }
    free(match);
}

enum { E = 24 };

static struct rows random_rows(int64_t N, uint64_t draw) {
    struct rows rows = {xcalloc((size_t)(N * E), sizeof *rows.row), N, E};
    for (int64_t i = 0; i < N; i++) {
        double squares = 0;
        for (int e = 0; e < E; e++) {
            rows.row[i * E + e] = (float)random_normal(key, draw + (uint64_t)(i * E + e));
            squares += rows.row[i * E + e] * rows.row[i * E + e];
        }
        for (int e = 0; e < E; e++) rows.row[i * E + e] /= (float)sqrt(squares);
    }
    return rows;
}

static float product(const float *a, const float *b) {
    double sum = 0;
    for (int e = 0; e < E; e++) sum += (double)a[e] * b[e];
    return (float)sum;
}

// More than a block of rows on either side, and a bound that a few of a thousand pass.
static void test_rows_of_two_datasets(void **state) {
    (void)state;
    struct rows own = random_rows(1500, 0), against = random_rows(2100, 1000000);
    memset(own.row + 3 * E, 0, E * sizeof *own.row);
    struct near_row *found = near_rows(&own, &against, 0.6f);
    int64_t some = 0;
    for (int64_t i = 0; i < own.N; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < against.N; k++)
            if (product(own.row + i * E, against.row + k * E) > product(own.row + i * E, against.row + best * E))
                best = k;
        const float most = product(own.row + i * E, against.row + best * E);
        if (fabsf(most - 0.6f) < 1e-5f) continue;
        assert_int_equal(found[i].row, most >= 0.6f ? best : -1);
        some += most >= 0.6f;
    }
    assert_in_range(some, 100, 1400);
    assert_int_equal(found[3].row, -1);
    free(found);
    rows_release(&own);
    rows_release(&against);
}

static void test_rows_within_a_dataset(void **state) {
    (void)state;
    struct rows own = random_rows(2600, 7);
    struct near_row *found = near_rows(&own, NULL, 0.6f);
    int64_t some = 0;
    for (int64_t i = 0; i < own.N; i++) {
        float most = -1;
        for (int64_t k = 0; k < i; k++) {
            const float like = product(own.row + i * E, own.row + k * E);
            if (found[k].row < 0 && like > most) most = like;
        }
        if (fabsf(most - 0.6f) < 1e-5f) continue;
        assert_int_equal(found[i].row >= 0, most >= 0.6f);
        if (most >= 0.6f) assert_true(found[found[i].row].row < 0 && fabsf(found[i].similarity - most) < 1e-5f);
        some += most >= 0.6f;
    }
    assert_in_range(some, 100, 2500);
    free(found);
    rows_release(&own);
}

static void test_a_list_of_what_is_left_out(void **state) {
    (void)state;
    struct exclude *exclude;
    char *path = path_join(folder, "list");
    const char text[] = "\xef\xbb\xbf"
                        "b\tother\thash\t3\r\na\n\na\n#7\tx\n";
    assert_int_equal(file_write(path, text, sizeof text - 1), 0);
    assert_int_equal(exclude_read(&exclude, path), 0);
    const struct {
        const char *id;
        int64_t number;
        bool out;
    } samples[] = {{"a", 0, true}, {"b", 1, true}, {"ab", 2, false}, {"", 3, false},
                   {"c", 7, true}, {"", 7, true},  {"7", 8, false},  {"other", 9, false}};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        assert_int_equal(exclude_has(exclude, (struct span){samples[i].id, strlen(samples[i].id)}, samples[i].number),
                         samples[i].out);
    exclude_free(&exclude);
    assert_false(exclude_has(NULL, (struct span){"a", 1}, 0));
    assert_int_equal(exclude_read(&exclude, "/nothing/there"), -EXIT_DATA);
    exclude_free(&exclude);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes_are_found_as_by_looking_at_all),
        cmocka_unit_test(test_prints_of_two_datasets),
        cmocka_unit_test(test_prints_within_a_dataset),
        cmocka_unit_test(test_rows_of_two_datasets),
        cmocka_unit_test(test_rows_within_a_dataset),
        cmocka_unit_test(test_a_list_of_what_is_left_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
