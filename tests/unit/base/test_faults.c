// Files, folders and JSON, with the nth call failing.
#include "../faults/faults.h"
#include "folder.h"

#include <fcntl.h>

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
    assert_survives(&(struct fault_task){make_old, copy_large, is_old, is_large, "large|file"});
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

// ---- the judge itself

static int write_unseen(void) {
    FILE *file = fopen("file", "w");
    if (!file) return error(EXIT_RUN, "file: cannot be written");
    fwrite(large, 1, sizeof large - 1, file);
    fclose(file);
    return 0;
}

static int write_in_place(void) {
    FILE *file = fopen("file", "w");
    bool written = file && fwrite(large, 1, sizeof large - 1, file) == sizeof large - 1;
    if (file && fclose(file)) written = false;
    return written ? 0 : error(EXIT_RUN, "file: cannot be written");
}

static int write_unsynced(void) {
    FILE *file = fopen("aside", "w");
    bool written = file && fwrite(large, 1, sizeof large - 1, file) == sizeof large - 1 && !fflush(file);
    if (file) fsync(fileno(file)); // its answer is the one that matters
    if (file) fclose(file);
    return written && !rename("aside", "file") ? 0 : error(EXIT_RUN, "file: cannot be written");
}

static int write_with_remains(void) {
    FILE *file = fopen("file.tmp", "w");
    bool written = file && fwrite(large, 1, sizeof large - 1, file) == sizeof large - 1;
    if (file && fclose(file)) written = false;
    return written && !rename("file.tmp", "file") ? 0 : error(EXIT_RUN, "file: cannot be written");
}

static int write_mute(void) {
    int loud = dup(2), nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, 2);
    int status = write_large();
    dup2(loud, 2);
    close(loud);
    close(nothing);
    return status;
}

static int write_twice(void) {
    int fd = open("lock", O_CREAT | O_EXCL, 0666);
    if (fd < 0) return error(EXIT_RUN, "file: is locked");
    close(fd);
    int status = write_large();
    return status || !unlink("lock") ? status : error(EXIT_RUN, "file: the lock cannot be removed");
}

static int leave_open(void) {
    int fd = open("file", O_RDONLY);
    char byte;
    if (fd < 0 || read(fd, &byte, 1) != 1) return error(EXIT_DATA, "file: cannot be read");
    close(fd);
    return 0;
}

static int read_unseen(void) {
    char bytes[8] = "";
    FILE *file = fopen("file", "r");
    if (!file) return error(EXIT_DATA, "file: cannot be opened");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return size != 3;
}

static int use_nothing(void) {
    volatile char *bytes = malloc(10);
    bytes[3] = 1;
    free((void *)bytes);
    return 0;
}

static int do_nothing(void) {
    return 0;
}

static void every_kind_of_flaw_is_found(void **state) {
    (void)state;
    const struct {
        bool writes;
        int (*attempt)(void);
        const char *words;
    } table[] = {
        {true, write_unseen, "it passed, and the disk does not hold what it should"},
        {true, write_in_place, "the disk holds neither the state before nor the one after"},
        {true, write_unsynced, "it passed, and the disk does not hold what it should"},
        {true, write_with_remains, "a temporary file is left"},
        {true, write_large, "the report does not name the file"},
        {true, write_mute, "no error was reported"},
        {true, write_twice, "tried again, it fails"},
        {false, leave_open, "a descriptor is left open"},
        {false, read_unseen, "it passed with a wrong result"},
        {false, use_nothing, "malloc number 1, once: it crashed"},
        {false, do_nothing, "no call could fail"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fault_task task = {make_old, table[i].attempt, NULL, NULL, "file"};
        if (table[i].attempt == write_large) task.names = "another|name";
        if (table[i].writes) task.is_before = is_old, task.is_after = is_large;
        char *found = find_fault(&task);
        if (!found) fail_msg("row %zu: nothing is found", i);
        assert_has(found, table[i].words);
        free(found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_is_replaced_whole_or_not_at_all),
        IN_FOLDER(a_file_is_read_whole_or_not_at_all),
        IN_FOLDER(folders_come_and_go),
        IN_FOLDER(a_document_is_whole),
        IN_FOLDER(every_kind_of_flaw_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
