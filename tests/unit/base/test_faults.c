// Files, folders and JSON, with the nth call failing.
#include "../faults.h"
#include "folder.h"

#include "base/hash.h"
#include "base/json.h"

static char large[70001]; // more than any buffer on the way

static bool holds(const char *path, const char *text) {
    struct buffer bytes = {0};
    bool same = !file_read(path, sizeof large, &bytes) && !strcmp(bytes.bytes, text);
    buffer_release(&bytes);
    return same;
}

static void make_old(void) {
    memset(large, 'x', sizeof large - 1);
    assert_done(file_write("file", "old", 3));
    assert_done(file_write("large", large, sizeof large - 1));
}

static bool is_old(void) {
    return holds("file", "old") && holds("large", large);
}

static bool is_large(void) {
    return holds("file", large) && holds("large", large);
}

static int write_large(void) {
    return file_write("file", large, sizeof large - 1);
}

static int copy_large(void) {
    return file_copy("large", "file");
}

static void a_file_is_replaced_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_old, write_large, is_old, is_large, "file"});
    assert_survives(&(struct fault_task){make_old, copy_large, is_old, is_large, "l"}); // of one of the two
}

static int read_large(void) {
    struct buffer bytes = {0};
    int status = file_read("large", sizeof large, &bytes);
    if (!status) status = strcmp(bytes.bytes, large) != 0;
    buffer_release(&bytes);
    return status;
}

static int hash_large(void) {
    uint64_t hash;
    int status = hash_file("large", &hash);
    return status ? status : hash != hash_bytes(large, sizeof large - 1, 0);
}

static void a_file_is_read_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_old, read_large, NULL, NULL, "large"});
    assert_survives(&(struct fault_task){make_old, hash_large, NULL, NULL, "large"});
}

static void make_tree(void) {
    assert_done(directory_make("tree/a/b"));
    assert_done(file_write("tree/a/b/file", "x", 1));
    assert_done(file_write("tree/file", "x", 1));
}

static bool has_tree(void) {
    return directory_exists("tree");
}

static bool has_no_tree(void) {
    return !directory_exists("tree");
}

static int remove_tree(void) {
    return directory_remove("tree");
}

static void make_nothing(void) {
}

static bool has_deep(void) {
    return directory_exists("deep/deeper/deepest");
}

static bool has_no_deep(void) {
    return !has_deep();
}

static int make_deep(void) {
    return directory_make("deep/deeper/deepest");
}

static void folders_come_and_go(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_tree, remove_tree, has_tree, has_no_tree, "tree"});
    assert_survives(&(struct fault_task){make_nothing, make_deep, has_no_deep, has_deep, "deep"});
}

static json_t *make_document(void) {
    json_t *document = json_object(), *list = json_array();
    for (int i = 0; i < 5; i++) json_array_append_new(list, json_pack("{s:i, s:s}", "number", i, "text", "word"));
    json_object_set_new(document, "list", list);
    return document;
}

static int write_document(void) {
    json_t *document = make_document();
    int status = json_write("file", document);
    json_decref(document);
    return status;
}

static int read_document(void) {
    json_t *document = json_read("file", 1 << 20), *expected = make_document();
    int status = document ? !json_equal(document, expected) : -EXIT_DATA;
    json_decref(document);
    json_decref(expected);
    return status;
}

static bool is_document(void) {
    return !read_document();
}

static void make_document_file(void) {
    assert_done(write_document());
}

static void a_document_is_whole(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_old, write_document, is_old, is_document, "file"});
    assert_survives(&(struct fault_task){make_document_file, read_document, NULL, NULL, "file"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_is_replaced_whole_or_not_at_all),
        IN_FOLDER(a_file_is_read_whole_or_not_at_all),
        IN_FOLDER(folders_come_and_go),
        IN_FOLDER(a_document_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
