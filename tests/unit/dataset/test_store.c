#include "../base/support.h"

#include <lmdb.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "dataset/store.h"

static char *path; // of the dataset, inside folder

static int make(void **state) {
    if (make_folder(state)) return -1;
    path = path_join(folder, "set");
    return 0;
}

static int clear(void **state) {
    free(path);
    return remove_folder(state);
}

static int remove_set(void **state) {
    (void)state;
    return directory_remove(path);
}

static void add(struct store_writer *writer, int64_t number, size_t bytes) {
    char *image = xcalloc(bytes, 1), id[24];
    memset(image, (int)(number % 251), bytes);
    snprintf(id, sizeof id, "%lld", (long long)number);
    struct span caption = {"a caption", 9};
    struct record record = RECORD_EMPTY;
    record.image = (struct span){image, bytes};
    record.captions = &caption;
    record.caption_count = 1;
    record.id = (struct span){id, strlen(id)};
    assert_int_equal(store_writer_add(writer, &record), 0);
    free(image);
}

static void write_set(int64_t records, int64_t per_shard, bool replace) {
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, path, per_shard, replace), 0);
    for (int64_t i = 0; i < records; i++) add(writer, i, 10 + (size_t)(i * 37 % 9000));
    assert_int_equal(store_writer_count(writer), records);
    assert_int_equal(store_writer_commit(&writer), 0);
    assert_null(writer);
}

static void assert_holds(int64_t records) {
    struct store *store;
    assert_int_equal(store_open(&store, path), 0);
    assert_int_equal(store_count(store), records);
    for (int64_t i = 0; i < records; i++) {
        struct span value;
        struct record record;
        char reason[RECORD_REASON], id[24];
        snprintf(id, sizeof id, "%lld", (long long)i);
        assert_int_equal(store_get(store, i, &(struct buffer){0}, &value), 0);
        assert_int_equal(record_decode(&record, value.bytes, value.size, reason), 0);
        assert_int_equal(record.image.size, 10 + i * 37 % 9000);
        assert_memory_equal(record.id.bytes, id, record.id.size);
        record_release(&record);
    }
    store_close(&store);
}

static void test_records_come_back_from_one_shard_and_from_many(void **state) {
    (void)state;
    for (int64_t per_shard = 1; per_shard <= 125; per_shard *= 5) {
        write_set(57, per_shard, per_shard > 1);
        assert_holds(57);
        struct store *store;
        assert_int_equal(store_open(&store, path), 0);
        assert_int_equal(store_shards(store), (57 + per_shard - 1) / per_shard);
        assert_int_equal(store_verify(store), 0);
        assert_true(store_has(store, "image") && store_has(store, "captions") && store_has(store, "id"));
        assert_false(store_has(store, "class") || store_has(store, "nonsense"));
        store_close(&store);
    }
}

static uint64_t fingerprint(void) {
    struct store *store;
    assert_int_equal(store_open(&store, path), 0);
    uint64_t hash = store_fingerprint(store);
    store_close(&store);
    return hash;
}

static void test_the_same_records_have_the_same_fingerprint(void **state) {
    (void)state;
    write_set(20, 7, false);
    const uint64_t first = fingerprint();
    write_set(20, 7, true);
    assert_int_equal(fingerprint(), first);
    write_set(19, 7, true);
    assert_int_not_equal(fingerprint(), first);
}

static void test_an_index_out_of_range_is_a_data_error(void **state) {
    (void)state;
    write_set(3, 2, false);
    struct store *store;
    struct span value;
    assert_int_equal(store_open(&store, path), 0);
    assert_int_equal(store_get(store, 3, &(struct buffer){0}, &value), -EXIT_DATA);
    assert_int_equal(store_get(store, -1, &(struct buffer){0}, &value), -EXIT_DATA);
    store_close(&store);
}

static void test_nothing_appears_before_commit_and_nothing_remains_of_what_was_abandoned(void **state) {
    (void)state;
    char *aside = xformat("%s.tmp", path);
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, path, 10, false), 0);
    add(writer, 0, 100);
    assert_false(directory_exists(path));
    assert_true(directory_exists(aside));
    store_writer_abandon(&writer);
    assert_null(writer);
    assert_false(directory_exists(path) || directory_exists(aside));
    free(aside);
}

static void test_remains_of_a_killed_writer_are_swept(void **state) {
    (void)state;
    char *aside = xformat("%s.tmp", path), *shard = xformat("%s/00000.lmdb", aside);
    assert_int_equal(directory_make(aside), 0);
    assert_int_equal(file_write(shard, "remains", 7), 0);
    write_set(5, 10, false);
    assert_holds(5);
    assert_false(directory_exists(aside));
    free(aside);
    free(shard);
}

static void test_an_existing_directory_is_kept(void **state) {
    (void)state;
    struct store_writer *writer;
    write_set(5, 10, false);
    assert_int_equal(store_writer_open(&writer, path, 10, false), -EXIT_USAGE);
    assert_holds(5);
    assert_int_equal(store_writer_open(&writer, folder, 10, true), -EXIT_USAGE); // holds something else
    assert_holds(5);
    char *slashed = xformat("%s//", path);
    assert_int_equal(store_writer_open(&writer, slashed, 10, true), 0);
    add(writer, 0, 10);
    assert_int_equal(store_writer_commit(&writer), 0);
    assert_holds(1);
    free(slashed);
}

static void test_an_empty_dataset_is_not_written(void **state) {
    (void)state;
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, path, 10, false), 0);
    assert_int_equal(store_writer_commit(&writer), -EXIT_DATA);
    assert_false(directory_exists(path));
}

// A file-size limit stands for a full disk: the write fails in the same place.
static void test_a_full_disk_is_a_run_time_error_and_leaves_nothing(void **state) {
    (void)state;
    struct store_writer *writer;
    struct rlimit limit, low;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    low = (struct rlimit){1 << 20, limit.rlim_max};
    assert_int_equal(store_writer_open(&writer, path, 1000, false), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (int64_t i = 0; i < 40; i++) add(writer, i, 100000);
    int status = store_writer_commit(&writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, -EXIT_RUN);
    char *aside = xformat("%s.tmp", path);
    assert_false(directory_exists(path) || directory_exists(aside));
    free(aside);
}

static void test_an_unwritable_place_is_a_run_time_error(void **state) {
    (void)state;
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, "/proc/nowhere/set", 10, false), -EXIT_RUN);
    assert_null(writer);
}

static void assert_refused(const char *what) {
    struct store *store;
    int status = store_open(&store, path);
    if (status != -EXIT_DATA) fail_msg("%s: %d", what, status);
    assert_null(store);
}

static void test_what_is_no_dataset_is_refused(void **state) {
    (void)state;
    assert_refused("missing");
    assert_int_equal(directory_make(path), 0);
    assert_refused("empty directory");
}

// Rewrites dataset.json with `from` replaced by `to`.
static void edit_manifest(const char *from, const char *to) {
    char *name = path_join(path, "dataset.json");
    struct buffer old = {0}, new = {0};
    assert_int_equal(file_read(name, 1 << 20, &old), 0);
    char *place = strstr(old.bytes, from);
    assert_non_null(place);
    buffer_append(&new, old.bytes, (size_t)(place - old.bytes));
    buffer_text(&new, to);
    buffer_text(&new, place + strlen(from));
    assert_int_equal(file_write(name, new.bytes, new.size), 0);
    buffer_release(&old);
    buffer_release(&new);
    free(name);
}

static void test_a_manifest_that_lies_is_refused(void **state) {
    (void)state;
    const struct {
        const char *from, *to;
    } row[] = {
        {"\"version\": 1", "\"version\": 2"},
        {"\"cocaflow dataset\"", "\"something else\""},
        {"\"records\": 5", "\"records\": 6"},
        {"\"records\": 5", "\"records\": -5"},
        {"\"fingerprint\": \"", "\"fingerprint\": \"f"},
        {"\"shards\": [", "\"shards\": [3, "},
        {"\"shards\"", "\"shrads\""},
        {"{", "{{"},
        {"\"bytes\": ", "\"bytes\": 1"},
        {"\"bytes\": ", "\"bytes\": -"},
        {"\"bytes\"", "\"bites\""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        write_set(5, 10, true);
        edit_manifest(row[i].from, row[i].to);
        assert_refused(row[i].to);
        assert_int_equal(directory_remove(path), 0);
        write_set(5, 10, false);
    }
}

static void test_a_cut_or_missing_shard_is_refused(void **state) {
    (void)state;
    char *shard = xformat("%s/00000.lmdb", path);
    write_set(40, 100, false);
    struct stat about;
    assert_int_equal(stat(shard, &about), 0);
    for (off_t size = about.st_size - 1; size > 0; size = size * 2 / 3) {
        assert_int_equal(truncate(shard, size), 0);
        assert_refused("cut");
    }
    assert_int_equal(truncate(shard, 0), 0);
    assert_refused("empty");
    assert_int_equal(unlink(shard), 0);
    assert_refused("missing");
    free(shard);
}

// A cut that dataset.json agrees with: LMDB itself would run into the end of the file.
static void test_a_cut_that_the_manifest_hides_is_refused(void **state) {
    (void)state;
    char *shard = xformat("%s/00000.lmdb", path), *from, *to;
    write_set(40, 100, false);
    struct stat about;
    assert_int_equal(stat(shard, &about), 0);
    assert_int_equal(truncate(shard, about.st_size - 4096), 0);
    from = xformat("\"bytes\": %lld", (long long)about.st_size);
    to = xformat("\"bytes\": %lld", (long long)about.st_size - 4096);
    edit_manifest(from, to);
    assert_refused("cut with a manifest that agrees");
    free(from);
    free(to);
    free(shard);
}

static void test_a_shard_of_another_dataset_is_refused(void **state) {
    (void)state;
    char *first = xformat("%s/00000.lmdb", path), *second = xformat("%s/00001.lmdb", path);
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, path, 1, false), 0);
    add(writer, 1, 100);
    add(writer, 2, 100);
    assert_int_equal(store_writer_commit(&writer), 0);
    assert_int_equal(rename(first, second), 0); // of the same size
    assert_int_equal(file_copy(second, first), 0);
    assert_refused("the same shard twice");
    free(first);
    free(second);
}

static void test_a_file_that_is_not_lmdb_is_refused(void **state) {
    (void)state;
    char *shard = xformat("%s/00000.lmdb", path);
    write_set(5, 10, false);
    struct stat about;
    assert_int_equal(stat(shard, &about), 0);
    char *noise = xmalloc((size_t)about.st_size);
    memset(noise, 0x5a, (size_t)about.st_size);
    assert_int_equal(file_write(shard, noise, (size_t)about.st_size), 0);
    assert_refused("noise");
    free(noise);
    free(shard);
}

// One byte of a picture changed: opening cannot see it, verifying does.
static void test_verify_sees_a_changed_byte(void **state) {
    (void)state;
    char *shard = xformat("%s/00000.lmdb", path);
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, path, 10, false), 0);
    add(writer, 0x41, 3000);
    assert_int_equal(store_writer_commit(&writer), 0);
    struct buffer file = {0};
    assert_int_equal(file_read(shard, 1 << 24, &file), 0);
    char *picture = memmem(file.bytes, file.size, "AAAAAAAAAAAAAAAA", 16);
    assert_non_null(picture);
    picture[8] = 'B';
    assert_int_equal(file_write(shard, file.bytes, file.size), 0);
    struct store *store;
    assert_int_equal(store_open(&store, path), 0);
    assert_int_equal(store_verify(store), -EXIT_DATA);
    store_close(&store);
    buffer_release(&file);
    free(shard);
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, remove_set)
    const struct CMUnitTest tests[] = {
        TEST(test_records_come_back_from_one_shard_and_from_many),
        TEST(test_the_same_records_have_the_same_fingerprint),
        TEST(test_an_index_out_of_range_is_a_data_error),
        TEST(test_nothing_appears_before_commit_and_nothing_remains_of_what_was_abandoned),
        TEST(test_remains_of_a_killed_writer_are_swept),
        TEST(test_an_existing_directory_is_kept),
        TEST(test_an_empty_dataset_is_not_written),
        TEST(test_a_full_disk_is_a_run_time_error_and_leaves_nothing),
        TEST(test_an_unwritable_place_is_a_run_time_error),
        TEST(test_what_is_no_dataset_is_refused),
        TEST(test_a_manifest_that_lies_is_refused),
        TEST(test_a_cut_or_missing_shard_is_refused),
        TEST(test_a_cut_that_the_manifest_hides_is_refused),
        TEST(test_a_shard_of_another_dataset_is_refused),
        TEST(test_a_file_that_is_not_lmdb_is_refused),
        TEST(test_verify_sees_a_changed_byte),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
