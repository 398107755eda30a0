// What came of a shard's pictures outlives who kept it, by the whole microbatch.
#include "../../../stages/coca-relabel/results.h"

#include "../base/folder.h"

enum { N = 2, E = 3 };
static const struct results_form form = {.captions = N, .scores = true, .image = E, .text = E};

// Of picture i; each third was not captioned.
static void add(struct results *results, int i) {
    char first[32], second[32];
    snprintf(first, sizeof first, "a %d", i);
    snprintf(second, sizeof second, "%.*s", i % 5, "bbbbb");
    const char *const captions[N] = {first, second};
    const float scores[N] = {(float)i, 0.5f}, image[E] = {1, 2, (float)i}, texts[N * E] = {(float)i, 1, 2, 3, 4, 5};
    const struct result result = {i % 3 == 2 ? "is torn" : NULL, captions, scores, image, texts};
    results_add(results, &result);
}

static void expect(struct results *results, int i) {
    struct result result;
    char first[32];
    snprintf(first, sizeof first, "a %d", i);
    assert_int_equal(results_next(results, &result), 1);
    if (i % 3 == 2) return assert_string_equal(result.defect, "is torn");
    assert_null(result.defect);
    assert_string_equal(result.captions[0], first);
    assert_int_equal(strlen(result.captions[1]), i % 5);
    assert_true(result.scores[0] == (float)i && result.scores[1] == 0.5f);
    assert_true(result.image[2] == (float)i);
    assert_true(result.texts[0] == (float)i && result.texts[N * E - 1] == 5);
}

static struct results *opened(const char *identity, int64_t wanted) {
    struct results *results;
    int64_t pictures;
    assert_done(results_open(&results, "results", identity, &form, &pictures));
    assert_int_equal(pictures, wanted);
    return results;
}

// Microbatches of four.
static void write_some(struct results *results, int begin, int end) {
    for (int i = begin; i < end; i++) {
        add(results, i);
        if (i % 4 == 3) assert_done(results_flush(results));
    }
}

static void expect_all(struct results *results, int count) {
    struct result result;
    assert_done(results_rewind(results));
    for (int i = 0; i < count; i++) expect(results, i);
    assert_int_equal(results_next(results, &result), 0);
}

static void test_they_come_back(void **state) {
    (void)state;
    struct results *results = opened("a shard", 0);
    write_some(results, 0, 12);
    expect_all(results, 12);
    results_close(&results);
    results = opened("a shard", 12);
    write_some(results, 12, 16);
    expect_all(results, 16);
    results_close(&results);
    results = opened("another shard", 0);
    results_close(&results);
    results = opened("a shard", 0);
    results_close(&results);
}

// Wherever it was cut, whole microbatches are left, and what follows them is written behind.
static void test_cut_anywhere(void **state) {
    (void)state;
    struct results *results = opened("a shard", 0);
    write_some(results, 0, 12);
    results_close(&results);
    struct buffer whole = {0};
    assert_done(file_read("results", 1 << 20, &whole));
    int64_t most = 0;
    for (size_t size = 0; size < whole.size; size += 13) {
        int64_t pictures;
        assert_done(file_write("results", whole.bytes, size));
        assert_done(results_open(&results, "results", "a shard", &form, &pictures));
        assert_true(pictures % 4 == 0 && pictures >= most && pictures < 12);
        most = pictures;
        write_some(results, (int)pictures, 12);
        expect_all(results, 12);
        results_close(&results);
    }
    assert_int_equal(most, 8);
    whole.bytes[whole.size - 5] ^= 1; // of the last microbatch
    assert_done(file_write("results", whole.bytes, whole.size));
    results = opened("a shard", 8);
    results_close(&results);
    buffer_release(&whole);
}

// Who was taken for dead may go on: each has a file of its own then.
static void test_two_at_work(void **state) {
    (void)state;
    struct results *first = opened("a shard", 0);
    write_some(first, 0, 4);
    struct results *second = opened("a shard", 4);
    write_some(first, 4, 12);
    write_some(second, 4, 8);
    expect_all(first, 12);
    expect_all(second, 8);
    results_close(&first);
    results_close(&second);
    second = opened("a shard", 8);
    results_close(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {IN_FOLDER(test_they_come_back), IN_FOLDER(test_cut_anywhere),
                                       IN_FOLDER(test_two_at_work)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
