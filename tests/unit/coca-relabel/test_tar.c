// Tars as bytes: where members lie, and headers that others read.
#include "../../../stages/coca-relabel/tar.h"

#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "../base/support.h"

static char *path;

static int make(void **state) {
    if (make_folder(state)) return -1;
    path = path_join(folder, "a.tar");
    return 0;
}

static int clear(void **state) {
    free(path);
    return remove_folder(state);
}

// Members i of i·300 bytes under names of growing length, in one of libarchive's formats.
enum { MEMBERS = 9, PART = 40 };
static char *name_of(int i) {
    struct buffer name = {0};
    for (int j = 0; j < i; j++) buffer_format(&name, "%0*d/", PART - 1, j);
    buffer_format(&name, "%d.\xc3\xa9.txt", i);
    return name.bytes;
}

static void write_tar(int (*set_format)(struct archive *archive)) {
    struct archive *archive = archive_write_new();
    set_format(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (int i = 0; i < MEMBERS; i++) {
        struct archive_entry *entry = archive_entry_new();
        char *name = name_of(i), *bytes = xcalloc(1, (size_t)i * 300 + 1);
        memset(bytes, 'a' + i, (size_t)i * 300);
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0640);
        archive_entry_set_mtime(entry, 1600000000 + i, 5000); // a part of a second is a pax header's
        archive_entry_set_size(entry, i * 300);
        assert_true(archive_write_header(archive, entry) >= ARCHIVE_WARN); // a name beyond the locale
        archive_write_data(archive, bytes, (size_t)i * 300);
        archive_entry_free(entry);
        free(name);
        free(bytes);
    }
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static void expect_members(struct tar *tar) {
    struct tar_member member;
    struct buffer bytes = {0};
    int64_t end = 0;
    for (int i = 0; i < MEMBERS; i++) {
        char *name = name_of(i);
        assert_int_equal(tar_next(tar, &member), 1);
        assert_string_equal(member.name, name);
        assert_true(member.is_file);
        assert_int_equal(member.size, i * 300);
        assert_int_equal(member.begin, end);
        assert_int_equal(tar_read(tar, member.data, member.size, &bytes), 0);
        for (size_t j = 0; j < bytes.size; j++) assert_int_equal(bytes.bytes[j], 'a' + i);
        end = member.end;
        free(name);
    }
    assert_int_equal(tar_next(tar, &member), 0);
    buffer_release(&bytes);
}

static void test_formats(void **state) {
    int (*const formats[])(struct archive *) = {archive_write_set_format_pax, archive_write_set_format_gnutar};
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tar *tar;
        write_tar(formats[i]);
        assert_int_equal(tar_open(&tar, path, "a.tar"), 0);
        expect_members(tar);
        tar_close(&tar);
    }
}

static int64_t size_of_file(void) {
    struct buffer all = {0};
    assert_int_equal(file_read(path, 1 << 20, &all), 0);
    const int64_t size = (int64_t)all.size;
    buffer_release(&all);
    return size;
}

// Wherever it is cut, before its two blocks of zeros, that is seen.
static void test_cut_anywhere(void **state) {
    (void)state;
    write_tar(archive_write_set_format_pax);
    struct tar_member member;
    struct tar *tar;
    int64_t last = 0;
    assert_int_equal(tar_open(&tar, path, "a.tar"), 0);
    while (tar_next(tar, &member) == 1) last = member.end;
    tar_close(&tar);
    assert_true(last + 2 * TAR_BLOCK <= size_of_file());
    for (int64_t size = last; size >= 0; size -= 131) {
        int status;
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(tar_open(&tar, path, "a.tar"), 0);
        while ((status = tar_next(tar, &member)) == 1) continue;
        assert_int_equal(status, -EXIT_DATA);
        tar_close(&tar);
    }
}

static void test_what_is_no_tar(void **state) {
    struct tar *tar;
    struct tar_member member;
    char bytes[2 * TAR_BLOCK];
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(file_write(path, bytes, sizeof bytes), 0);
    assert_int_equal(tar_open(&tar, path, "a.tar"), 0);
    assert_int_equal(tar_next(tar, &member), -EXIT_DATA);
    tar_close(&tar);
}

// A header that claims more than there is leads nowhere.
static void test_sizes_beyond(void **state) {
    static const char *const sizes[] = {"77777777777", "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tar *tar;
        struct tar_member member;
        struct buffer like = {0}, whole = {0};
        char header[TAR_BLOCK] = "a.txt";
        memcpy(header + 124, sizes[i], 12);
        unsigned sum = 0;
        for (int j = 0; j < TAR_BLOCK; j++) sum += j >= 148 && j < 156 ? ' ' : (unsigned char)header[j];
        snprintf(header + 148, 8, "%06o", sum);
        buffer_append(&whole, header, TAR_BLOCK);
        buffer_append(&whole, (char[TAR_BLOCK]){0}, TAR_BLOCK);
        assert_int_equal(file_write(path, whole.bytes, whole.size), 0);
        assert_int_equal(tar_open(&tar, path, "a.tar"), 0);
        assert_int_equal(tar_next(tar, &member), -EXIT_DATA);
        tar_close(&tar);
        buffer_release(&like);
        buffer_release(&whole);
    }
}

// libarchive reads what is written here.
static void test_new_headers(void **state) {
    struct buffer whole = {0};
    char like[TAR_BLOCK];
    (void)state;
    write_tar(archive_write_set_format_gnutar);
    assert_int_equal(file_read(path, 1 << 20, &whole), 0);
    memcpy(like, whole.bytes, TAR_BLOCK);
    buffer_clear(&whole);
    for (int i = 0; i < MEMBERS; i++) {
        char *name = name_of(i);
        tar_header(&whole, like, name, 5);
        buffer_append(&whole, "hello", 5);
        buffer_append(&whole, (char[TAR_BLOCK]){0}, TAR_BLOCK - 5);
        free(name);
    }
    buffer_append(&whole, (char[2 * TAR_BLOCK]){0}, 2 * TAR_BLOCK);
    assert_int_equal(file_write(path, whole.bytes, whole.size), 0);
    buffer_release(&whole);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_filename(archive, path, 10240), ARCHIVE_OK);
    for (int i = 0; i < MEMBERS; i++) {
        char *name = name_of(i), bytes[8];
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        const char *read = archive_entry_pathname(entry);
        assert_string_equal(read ? read : archive_entry_pathname_utf8(entry), name);
        assert_int_equal(archive_entry_perm(entry), 0640);
        assert_int_equal(archive_entry_mtime(entry), 1600000000);
        assert_int_equal(archive_read_data(archive, bytes, sizeof bytes), 5);
        assert_memory_equal(bytes, "hello", 5);
        free(name);
    }
    assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_EOF);
    archive_read_free(archive);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),      cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_what_is_no_tar),
        cmocka_unit_test(test_sizes_beyond), cmocka_unit_test(test_new_headers),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
