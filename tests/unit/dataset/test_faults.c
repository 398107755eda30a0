// Datasets written, read, and made from a folder and a tar, with the nth call failing.
#include "../base/folder.h"
#include "../faults/faults.h"

#include <archive.h>
#include <archive_entry.h>

#include "dataset/import.h"
#include "dataset/store.h"

// Record i has the caption caption_of(i); pictures are longer than LMDB's pages.
static char picture[9000];

static const char *caption_of(int i) {
    static const char *const captions[] = {"one", "two", "three", "four", "five"};
    return captions[i];
}

static int add(struct store_writer *writer, int i) {
    struct span caption = {caption_of(i), strlen(caption_of(i))};
    struct record record = RECORD_EMPTY;
    record.image = (struct span){picture, sizeof picture};
    record.captions = &caption;
    record.caption_count = 1;
    return store_writer_add(writer, &record);
}

// Two records a shard.
static int write_set(int records, bool replace) {
    struct store_writer *writer;
    int status = store_writer_open(&writer, "set", 2, replace);
    for (int i = 0; i < records && !status; i++) status = add(writer, i);
    if (!status) return store_writer_commit(&writer);
    store_writer_abandon(&writer);
    return status;
}

static int check_record(struct store *store, int i) {
    struct span value;
    struct record record;
    char reason[RECORD_REASON];
    int status = store_get(store, i, &(struct buffer){0}, &value);
    if (status) return status;
    if (record_decode(&record, value.bytes, value.size, reason)) return 1;
    const bool same = record.caption_count == 1 && record.captions[0].size == strlen(caption_of(i)) &&
                      !memcmp(record.captions[0].bytes, caption_of(i), record.captions[0].size) &&
                      record.image.size == sizeof picture && !memcmp(record.image.bytes, picture, sizeof picture);
    record_release(&record);
    return !same;
}

static int check_set(int records) {
    struct store *store;
    int status = store_open(&store, "set");
    if (status) return status;
    status = store_count(store) == records ? store_verify(store) : 1;
    for (int i = 0; i < records && !status; i++) status = check_record(store, i);
    store_close(&store);
    return status;
}

// ---- the store

static void make_nothing(void) {
    memset(picture, 'p', sizeof picture);
}

static void make_three(void) {
    make_nothing();
    assert_done(write_set(3, false));
}

static bool is_nothing(void) {
    return !directory_exists("set");
}

static bool is_three(void) {
    return !check_set(3);
}

static bool is_five(void) {
    return !check_set(5);
}

static int replace_by_five(void) {
    return write_set(5, true);
}

static int read_three(void) {
    return check_set(3);
}

static void a_dataset_is_replaced_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_three, replace_by_five, is_three, is_five, "set"});
}

static void a_dataset_is_read_right_or_the_failure_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_three, read_three, NULL, NULL, "set"});
}

// ---- imports

// What cannot be read is no reason to leave a sample out here.
static int take(void *context, const struct import_sample *sample) {
    if (sample->defect) return error(EXIT_DATA, "%s: %s", sample->name, sample->defect);
    return store_writer_add(context, &sample->record);
}

static int import(const char *format, const char *path) {
    struct store_writer *writer;
    struct strings paths = {0};
    int status = store_writer_open(&writer, "set", 2, false);
    if (status) return status;
    strings_add_text(&paths, path);
    status = import_run(import_find(format), &(struct import_options){0}, &paths, take, writer);
    strings_release(&paths);
    if (!status) return store_writer_commit(&writer);
    store_writer_abandon(&writer);
    return status;
}

static void make_pictures(void) {
    make_nothing();
    assert_done(directory_make("set-pictures/b"));
    for (int i = 0; i < 3; i++) {
        char *stem = xformat("set-pictures/%s%d", i < 2 ? "" : "b/", i), *path = xformat("%s.jpg", stem);
        char *text = xformat("%s.txt", stem);
        assert_done(file_write(path, picture, sizeof picture));
        assert_done(file_write(text, caption_of(i), strlen(caption_of(i))));
        free(stem);
        free(path);
        free(text);
    }
}

static int import_folder_of_three(void) {
    return import("folder", "set-pictures");
}

static void a_folder_is_packed_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_pictures, import_folder_of_three, is_nothing, is_three, "set"});
}

static void add_member(struct archive *archive, int i, const char *suffix, const char *bytes, size_t size) {
    struct archive_entry *entry = archive_entry_new();
    char *name = xformat("%d.%s", i, suffix);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes, size), size);
    archive_entry_free(entry);
    free(name);
}

static void make_tar(void) {
    make_nothing();
    struct archive *archive = archive_write_new();
    archive_write_set_format_ustar(archive);
    archive_write_add_filter_gzip(archive);
    assert_int_equal(archive_write_open_filename(archive, "set.tar.gz"), ARCHIVE_OK);
    for (int i = 0; i < 3; i++) {
        add_member(archive, i, "jpg", picture, sizeof picture);
        add_member(archive, i, "txt", caption_of(i), strlen(caption_of(i)));
    }
    assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

static int import_tar_of_three(void) {
    return import("tar", "set.tar.gz");
}

static void a_tar_is_packed_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_tar, import_tar_of_three, is_nothing, is_three, "set"});
}

static void make_list(void) {
    make_pictures();
    const char lines[] = "{\"filepath\": \"0.jpg\", \"title\": \"one\"}\n"
                         "{\"filepath\": \"1.jpg\", \"title\": \"two\"}\n"
                         "{\"filepath\": \"b/2.jpg\", \"title\": \"three\"}\n";
    assert_done(file_write("set-pictures/list.jsonl", lines, strlen(lines)));
}

static int import_list_of_three(void) {
    return import("jsonl", "set-pictures/list.jsonl");
}

static void a_list_is_packed_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_list, import_list_of_three, is_nothing, is_three, "set"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_dataset_is_replaced_whole_or_not_at_all), IN_FOLDER(a_dataset_is_read_right_or_the_failure_told),
        IN_FOLDER(a_folder_is_packed_whole_or_not_at_all),    IN_FOLDER(a_tar_is_packed_whole_or_not_at_all),
        IN_FOLDER(a_list_is_packed_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
