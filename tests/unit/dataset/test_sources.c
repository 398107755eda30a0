#include "../base/support.h"

#include "dataset/shard.h"
#include "dataset/sources.h"
#include "dataset/spool.h"
#include "dataset/store.h"

static const char *const image_or_text[] = {"image", "captions", NULL};
static char *first, *second, *both, *list, *closed;

// Record i of `path` has i mod 3 captions "PATH i c", and its number as picture.
static int write_set(const char *path, int records) {
    struct store_writer *writer;
    int status = store_writer_open(&writer, path, 4, false);
    for (int i = 0; i < records && !status; i++) {
        char text[2][64];
        struct span caption[2];
        for (int c = 0; c < 2; c++) {
            snprintf(text[c], sizeof text[c], "%s %d %d", path_base(path), i, c);
            caption[c] = (struct span){text[c], strlen(text[c])};
        }
        struct record record = RECORD_EMPTY;
        record.image = (struct span){&i, sizeof i};
        record.captions = caption;
        record.caption_count = i % 3;
        status = store_writer_add(writer, &record);
    }
    return status ? status : store_writer_commit(&writer);
}

static int make(void **state) {
    if (make_folder(state)) return -1;
    first = path_join(folder, "first");
    second = path_join(folder, "second");
    both = xformat("%s::%s", first, second);
    list = path_join(folder, "list");
    closed = xformat("%s.closed", list);
    return write_set(first, 7) || write_set(second, 5);
}

static int clear(void **state) {
    free(first);
    free(second);
    free(both);
    free(list);
    free(closed);
    return remove_folder(state);
}

static struct sources *open_sources(const char *directories, enum sources_order order) {
    struct sources *sources;
    const struct sources_options options = {
        .directories = directories, .seed = 3, .order = order, .needs = image_or_text};
    assert_int_equal(sources_open(&sources, &options), 0);
    return sources;
}

static int number_of(const struct sample *sample) {
    int number;
    assert_int_equal(sample->record.image.size, sizeof number);
    memcpy(&number, sample->record.image.bytes, sizeof number);
    return number;
}

static void assert_count(struct sources *sources, int64_t expected, bool expected_growing) {
    int64_t samples;
    bool growing;
    assert_int_equal(sources_count(sources, &samples, &growing), 0);
    assert_int_equal(samples, expected);
    assert_int_equal(growing, expected_growing);
}

static void test_in_order(void **state) {
    (void)state;
    struct sources *sources = open_sources(both, SOURCES_IN_ORDER);
    assert_count(sources, 12, false);
    for (int64_t n = 0; n < 12; n++) {
        struct sample sample;
        assert_int_equal(sources_read(sources, n, &sample), 0);
        assert_int_equal(sample.id, n < 7 ? n : (int64_t)1 << 48 | (n - 7));
        assert_int_equal(number_of(&sample), n < 7 ? n : n - 7);
        assert_int_equal(sample.caption, -1);
        assert_string_equal(sample.reason, "");
        assert_null(sample.line);
        sample_release(&sample);
    }
    sources_close(&sources);
}

// Views of a record stand one behind the other and have its id and key.
static void test_views(void **state) {
    (void)state;
    enum { VIEWS = 3 };
    struct sources *sources;
    const struct sources_options options = {
        .directories = both, .seed = 3, .order = SOURCES_IN_ORDER, .views = VIEWS, .needs = image_or_text};
    assert_int_equal(sources_open(&sources, &options), 0);
    assert_count(sources, 12 * VIEWS, false);
    struct random_key key = {0};
    for (int64_t n = 0; n < 12 * VIEWS; n++) {
        struct sample sample;
        assert_int_equal(sources_read(sources, n, &sample), 0);
        assert_int_equal(sample.n, n);
        assert_int_equal(sample.view, n % VIEWS);
        assert_int_equal(number_of(&sample), n / VIEWS < 7 ? n / VIEWS : n / VIEWS - 7);
        if (sample.view) assert_memory_equal(&sample.key, &key, sizeof key);
        key = sample.key;
        sample_release(&sample);
    }
    sources_close(&sources);
}

static void test_each_caption(void **state) {
    (void)state;
    static const char *const expected[] = {"first 1 0", "first 2 0",  "first 2 1",  "first 4 0",  "first 5 0",
                                           "first 5 1", "second 1 0", "second 2 0", "second 2 1", "second 4 0"};
    struct sources *sources = open_sources(both, SOURCES_EACH_CAPTION);
    assert_count(sources, 10, false);
    for (int n = 0; n < 10; n++) {
        struct sample sample;
        assert_int_equal(sources_read(sources, n, &sample), 0);
        const struct span caption = sample.record.captions[sample.caption];
        assert_int_equal(caption.size, strlen(expected[n]));
        assert_memory_equal(caption.bytes, expected[n], caption.size);
        assert_int_equal(sample.id & 0xffff, expected[n][caption.size - 3] - '0');
        sample_release(&sample);
    }
    sources_close(&sources);
}

// Two workers asked for different samples agree on those that both made; weights and the record's own bytes follow the
// plan.
static void test_shuffled_samples_are_the_plan_s(void **state) {
    (void)state;
    struct sources *a = open_sources(both, SOURCES_SHUFFLED), *b = open_sources(both, SOURCES_SHUFFLED);
    assert_true(sources_fingerprint(a) == sources_fingerprint(b));
    assert_count(a, INT64_MAX, false);
    int taken = 0;
    for (int64_t n = 999; n >= 0; n--) {
        struct sample x, y;
        assert_int_equal(sources_read(a, n, &x), 0);
        assert_int_equal(sources_read(b, 999 - n, &y), 0);
        sample_release(&y);
        assert_int_equal(sources_read(b, n, &y), 0);
        assert_int_equal(x.id, y.id);
        assert_true(x.key.value == y.key.value);
        assert_int_equal(number_of(&x), x.id & 0xffff);
        taken += x.id >> 48 == 0;
        sample_release(&x);
        sample_release(&y);
    }
    assert_int_equal(taken, 500);
    sources_close(&a);
    sources_close(&b);
}

static void test_purposes_have_keys_of_their_own(void **state) {
    (void)state;
    struct sources *sources = open_sources(first, SOURCES_SHUFFLED);
    struct sample sample;
    assert_int_equal(sources_read(sources, 0, &sample), 0);
    assert_true(sample_key(&sample, SAMPLE_VIEW).value != sample_key(&sample, SAMPLE_CAPTION).value);
    assert_true(sample_key(&sample, SAMPLE_PROMPT).value != sample_key(&sample, SAMPLE_CAPTION).value);
    assert_true(sample_key(&sample, SAMPLE_AUGMENT).value != sample_key(&sample, SAMPLE_VIEW).value);
    sample_release(&sample);
    sources_close(&sources);
}

// A dataset of one record, whose value is not one.
static void write_broken(const char *path) {
    struct shard_writer *writer;
    struct manifest manifest = {0};
    struct manifest_shard shard;
    assert_int_equal(directory_make(path), 0);
    char *file = manifest_shard_path(path, 0);
    assert_int_equal(shard_writer_open(&writer, file, MANIFEST_VERSION), 0);
    const struct span rubbish = {"\x93rubbish", 8};
    assert_int_equal(shard_writer_add(writer, rubbish, rubbish, 1), 0);
    assert_int_equal(shard_writer_commit(&writer, &shard), 0);
    manifest_add(&manifest, shard);
    assert_int_equal(manifest_write(&manifest, path), 0);
    manifest_release(&manifest);
    free(file);
}

static void test_a_record_that_makes_no_sense_is_a_sample_with_a_reason(void **state) {
    (void)state;
    char *broken = path_join(folder, "broken");
    write_broken(broken);
    struct sources *sources = open_sources(broken, SOURCES_SHUFFLED);
    struct sample sample;
    assert_int_equal(sources_read(sources, 5, &sample), 0);
    assert_string_not_equal(sample.reason, "");
    assert_int_equal(sample.record.image.size, 0);
    assert_int_equal(sample.record.class, -1);
    sample_release(&sample);
    sources_close(&sources);
    free(broken);
}

static void append(const char *text) {
    FILE *file = fopen(list, "a");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_line(struct sources *sources, int64_t n, const char *expected) {
    struct sample sample;
    assert_int_equal(sources_read(sources, n, &sample), 0);
    assert_int_equal(sample.id, n);
    assert_string_equal(sample.line, expected);
    sample_release(&sample);
}

static void test_a_list_grows_until_it_is_closed(void **state) {
    (void)state;
    struct sources *sources;
    append("");
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list}), 0);
    assert_count(sources, 0, true);
    append("one\n\ntw");
    assert_count(sources, 2, true);
    append("o\nthree");
    assert_count(sources, 3, true);
    assert_int_equal(file_write(closed, "", 0), 0);
    assert_count(sources, 4, false);
    assert_count(sources, 4, false);
    assert_line(sources, 3, "three");
    assert_line(sources, 2, "two");
    assert_line(sources, 1, "");
    assert_line(sources, 0, "one");
    sources_close(&sources);
    unlink(closed);
    unlink(list);
}

// A batch that ends early ends behind the last view of its last line.
static void test_views_of_a_list(void **state) {
    (void)state;
    struct sources *sources;
    int filled;
    append("one\ntwo\n");
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list, .views = 2}), 0);
    assert_count(sources, 4, true);
    assert_int_equal(sources_filled(sources, 1, 2, &filled), 0);
    assert_int_equal(filled, 2);
    append("three");
    assert_int_equal(file_write(closed, "", 0), 0);
    assert_count(sources, 6, false);
    static const char *const lines[] = {"one", "one", "two", "two", "three", "three"};
    for (int n = 0; n < 6; n++) {
        struct sample sample;
        assert_int_equal(sources_read(sources, n, &sample), 0);
        assert_int_equal(sample.id, n / 2);
        assert_string_equal(sample.line, lines[n]);
        sample_release(&sample);
    }
    sources_close(&sources);
    unlink(closed);
    unlink(list);
}

// As editors and shells of Windows write it; the mark may come in pieces, and a CR within a line is the line's.
static void test_a_list_of_any_system(void **state) {
    (void)state;
    struct sources *sources;
    append("\xef");
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list}), 0);
    assert_count(sources, 0, true);
    append("\xbb\xbf"
           "one\r\n\r\nt\rwo\r\nlast\r");
    assert_count(sources, 3, true);
    assert_int_equal(file_write(closed, "", 0), 0);
    assert_count(sources, 4, false);
    assert_line(sources, 0, "one");
    assert_line(sources, 1, "");
    assert_line(sources, 2, "t\rwo");
    assert_line(sources, 3, "last");
    assert_line(sources, 0, "one");
    sources_close(&sources);
    unlink(list);
    append("\xef\xbb\xbf");
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list}), 0);
    assert_count(sources, 0, false);
    sources_close(&sources);
    unlink(list);
    unlink(closed);
}

static void test_a_list_of_nul_ended_entries(void **state) {
    (void)state;
    static const char entries[] = "\xef\xbb\xbf"
                                  "two\nlines\r\0\0\f\0rest";
    struct sources *sources;
    bool growing;
    int64_t count;
    assert_int_equal(file_write(list, entries, sizeof entries - 1), 0);
    assert_int_equal(file_write(closed, "", 0), 0);
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list, .null = true}), 0);
    assert_count(sources, 4, false);
    assert_line(sources, 0,
                "\xef\xbb\xbf"
                "two\nlines\r");
    assert_line(sources, 1, "");
    assert_line(sources, 2, "\f");
    assert_line(sources, 3, "rest");
    sources_close(&sources);
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list}), 0);
    listen_in();
    assert_int_equal(sources_count(sources, &count, &growing), -EXIT_DATA);
    assert_has(heard(), "holds NUL bytes: --null reads");
    sources_close(&sources);
    unlink(list);
    unlink(closed);
}

static void test_long_lists_and_long_lines(void **state) {
    (void)state;
    struct sources *sources;
    struct buffer text = {0};
    for (int i = 0; i < 30000; i++) buffer_format(&text, "line number %d\n", i);
    append(text.bytes);
    buffer_clear(&text);
    for (int i = 0; i <= SPOOL_LINE_LIMIT; i++) buffer_append(&text, "x", 1);
    append(text.bytes);
    buffer_release(&text);
    append("\nend\n");
    assert_int_equal(sources_open(&sources, &(struct sources_options){.list = list}), 0);
    assert_count(sources, 30002, true);
    assert_line(sources, 29999, "line number 29999");
    assert_line(sources, 30001, "end");
    struct sample sample;
    assert_int_equal(sources_read(sources, 30000, &sample), -EXIT_DATA);
    assert_int_equal(truncate(list, 100), 0);
    assert_int_equal(sources_read(sources, 29999, &sample), -EXIT_DATA);
    sources_close(&sources);
    unlink(list);
}

static void assert_refused(const struct sources_options *options, int code) {
    struct sources *sources;
    assert_int_equal(sources_open(&sources, options), -code);
    assert_null(sources);
}

static uint64_t fingerprint_of(const char *directory) {
    struct store *store;
    assert_int_equal(store_open(&store, directory), 0);
    const uint64_t fingerprint = store_fingerprint(store);
    store_close(&store);
    return fingerprint;
}

static void test_a_dataset_that_changed_is_refused(void **state) {
    (void)state;
    struct sources *sources;
    uint64_t expected[] = {fingerprint_of(first), fingerprint_of(second)};
    struct sources_options options = {
        .directories = both, .needs = image_or_text, .expected = expected, .expected_count = 2};
    assert_int_equal(sources_open(&sources, &options), 0);
    sources_close(&sources);
    options.expected_count = 1;
    assert_refused(&options, EXIT_DATA);
    options.expected_count = 2;
    expected[1]++;
    assert_refused(&options, EXIT_DATA);
}

static void test_what_is_refused(void **state) {
    (void)state;
    static const char *const classes[] = {"class", "labels", NULL};
    char *none = path_join(folder, "none"), *mixed = xformat("%s::%s", first, none);
    assert_refused(&(struct sources_options){.needs = image_or_text}, EXIT_USAGE);
    assert_refused(&(struct sources_options){.directories = none, .needs = image_or_text}, EXIT_DATA);
    assert_refused(&(struct sources_options){.directories = mixed, .needs = image_or_text}, EXIT_DATA);
    assert_refused(&(struct sources_options){.directories = both, .weights = "1", .needs = image_or_text}, EXIT_USAGE);
    assert_refused(&(struct sources_options){.directories = first, .needs = classes}, EXIT_DATA);
    assert_refused(&(struct sources_options){.list = none}, EXIT_DATA);
    free(none);
    free(mixed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_views_of_a_list),
        cmocka_unit_test(test_each_caption),
        cmocka_unit_test(test_shuffled_samples_are_the_plan_s),
        cmocka_unit_test(test_purposes_have_keys_of_their_own),
        cmocka_unit_test(test_a_record_that_makes_no_sense_is_a_sample_with_a_reason),
        cmocka_unit_test(test_a_list_grows_until_it_is_closed),
        cmocka_unit_test(test_a_list_of_any_system),
        cmocka_unit_test(test_a_list_of_nul_ended_entries),
        cmocka_unit_test(test_long_lists_and_long_lines),
        cmocka_unit_test(test_a_dataset_that_changed_is_refused),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
