// JPEGs with bytes beside their data give the pixels that they give without; those that lost data are refused.
#include "pictures.h"

#include "base/fail.h"

enum { WIDTH = 83, HEIGHT = 71, SEGMENTS_LIMIT = 64 };

static const struct jpeg_kind kinds[] = {
    {"4:4:4", 3, JCS_YCbCr, 1, 1, .restart = 0},
    {"4:2:0", 3, JCS_YCbCr, 2, 2, .restart = 0},
    {"4:1:1", 3, JCS_YCbCr, 4, 1, .restart = 0},
    {"RGB", 3, JCS_RGB, 1, 1, .restart = 0},
    {"grey", 1, JCS_GRAYSCALE, 1, 1, .restart = 0},
    {"CMYK", 4, JCS_CMYK, 1, 1, .restart = 0},
    {"YCCK", 4, JCS_YCCK, 2, 2, .restart = 0},
    {"progressive", 3, JCS_YCbCr, 2, 2, .progressive = true},
    {"progressive grey", 1, JCS_GRAYSCALE, 1, 1, .progressive = true},
    {"progressive CMYK", 4, JCS_CMYK, 1, 1, .progressive = true},
    {"progressive with restarts", 3, JCS_YCbCr, 2, 2, .progressive = true, .restart = 3},
    {"restarts", 3, JCS_YCbCr, 2, 2, .restart = 3},
    {"a scan for each component", 3, JCS_YCbCr, 2, 2, .separate = true},
    {"arithmetic", 3, JCS_YCbCr, 2, 2, .arithmetic = true},
};
enum { KINDS = sizeof kinds / sizeof *kinds, PROGRESSIVE = 7, RESTARTS = 11, SEPARATE, ARITHMETIC };

// A file and where its segments begin, the scans' codes within them; the last one is the end marker.
static struct file {
    const char *name;
    unsigned char *bytes;
    unsigned long size;
    size_t segment[SEGMENTS_LIMIT];
    int count;
    struct image whole;
} files[KINDS];

static bool is_marker(const unsigned char *at) {
    return at[0] == 0xff && at[1] && (at[1] < 0xd0 || at[1] > 0xd7);
}

static void find_segments(struct file *file) {
    for (size_t at = 2; at + 2 <= file->size; file->count++) {
        file->segment[file->count] = at;
        at += 2;
        while (at + 2 <= file->size && !is_marker(file->bytes + at)) at++;
    }
}

static int make_files(void **state) {
    (void)state;
    char reason[IMAGE_REASON];
    for (int k = 0; k < KINDS; k++) {
        struct file *file = &files[k];
        file->name = kinds[k].name;
        jpeg_make(&file->bytes, &file->size, &kinds[k], WIDTH, HEIGHT);
        find_segments(file);
        if (image_decode(&file->whole, file->bytes, file->size, reason)) return -1;
    }
    return 0;
}

static int release_files(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        free(files[k].bytes);
        image_release(&files[k].whole);
    }
    return 0;
}

static size_t end_of(const struct file *file) {
    return file->segment[file->count - 1];
}

// The segment of this marker, or of the last scan.
static int find(const struct file *file, int marker) {
    int found = -1;
    for (int i = 0; i < file->count; i++)
        if (file->bytes[file->segment[i] + 1] == marker && (found < 0 || marker == 0xda)) found = i;
    return found;
}

// The file's bytes up to `to`, then others, then the file's from `from` on.
static struct buffer spliced(const struct file *file, size_t to, const void *bytes, size_t count, size_t from) {
    struct buffer made = {0};
    buffer_append(&made, file->bytes, to);
    buffer_append(&made, bytes, count);
    buffer_append(&made, file->bytes + from, file->size - from);
    return made;
}

static void assert_whole(const struct file *file, struct buffer made, const char *what) {
    struct image image;
    char reason[IMAGE_REASON];
    if (image_decode(&image, made.bytes, made.size, reason)) fail_msg("%s, %s: %s", file->name, what, reason);
    if (memcmp(image.pixels, file->whole.pixels, 3 * WIDTH * HEIGHT))
        fail_msg("%s, %s: other pixels", file->name, what);
    image_release(&image);
    buffer_release(&made);
}

static void assert_refused(const struct file *file, struct buffer made, const char *what) {
    struct image image;
    char reason[IMAGE_REASON];
    if (!image_decode(&image, made.bytes, made.size, reason)) fail_msg("%s, %s: taken", file->name, what);
    if (!strstr(reason, "bad JPEG: ") && !strstr(reason, "truncated JPEG: ")) fail_msg("\"%s\"", reason);
    buffer_release(&made);
}

static const char junk[] = "\x12\x34\x56\x99\x20\x33\x71\x05\x66\x42\x19\x12\x34\x56\x99\x20\x33\x71\x05\x66\x42\x19";
static const char zeros[40], filler[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff";

static void what_follows_the_end_is_not_read(void **state) {
    (void)state;
    for (const struct file *file = files; file < files + KINDS; file++) {
        assert_whole(file, spliced(file, file->size, zeros, 1, file->size), "a zero behind it");
        assert_whole(file, spliced(file, file->size, junk, sizeof junk, file->size), "junk behind it");
        assert_whole(file, spliced(file, file->size, filler, 9, file->size), "filler behind it");
        assert_whole(file, spliced(file, file->size, file->bytes, file->size, file->size), "a picture behind it");
    }
}

static void a_missing_end_marker_loses_nothing(void **state) {
    (void)state;
    for (const struct file *file = files; file < files + ARITHMETIC; file++) {
        assert_whole(file, spliced(file, end_of(file), "", 0, file->size), "no end marker");
        assert_whole(file, spliced(file, end_of(file), "\xff", 1, file->size), "half an end marker");
        assert_whole(file, spliced(file, end_of(file), "\r\n", 2, file->size), "a line's end for an end marker");
        assert_whole(file, spliced(file, end_of(file), junk, sizeof junk, file->size), "junk for an end marker");
    }
}

static void bytes_between_segments_belong_to_nothing(void **state) {
    (void)state;
    for (const struct file *file = files; file < files + KINDS; file++) {
        for (int i = 1; i < file->count; i++) {
            const size_t at = file->segment[i];
            assert_whole(file, spliced(file, at, filler, 5, at), "filler");
            assert_whole(file, spliced(file, at, zeros, 1, at), "a zero");
            assert_whole(file, spliced(file, at, zeros, sizeof zeros, at), "zeros");
            assert_whole(file, spliced(file, at, junk, 3, at), "a little junk");
            assert_whole(file, spliced(file, at, junk, sizeof junk, at), "junk");
        }
    }
}

#define SEGMENT(bytes)                                                                                                 \
    { bytes, sizeof(bytes) - 1 }

static void segments_of_others_say_nothing_of_the_pixels(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } segments[] = {
        SEGMENT("\xff\xe5\0\2"),                  // empty
        SEGMENT("\xff\xfe\0\2"),                  // an empty comment
        SEGMENT("\xff\xe1\0\x0fJunk\0\0garbage"), // nobody's
        SEGMENT("\xff\xe1\0\x0f"
                "Exif\0\0garbage"), // no TIFF in it
        SEGMENT("\xff\xe1\0\x10"
                "Exif\0\0II*\0\xff\xff\xff\xff"), // a directory outside
        SEGMENT("\xff\xe1\0\x08"
                "Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12"), // too short a length: the rest is stray
        SEGMENT("\xff\xe2\0\x11ICC_PROFILE\0\5\2a"),  // part 5 of 2
        SEGMENT("\xff\xe2\0\x0aMPF\0II*\0"),
        SEGMENT("\xff\xed\0\x18Photoshop 3.0\0"
                "8BIM\4\4\0\0"),
        SEGMENT("\xff\xee\0\x09"
                "Adobe\0\x64"), // cut
    };
    for (const struct file *file = files; file < files + KINDS; file++)
        for (size_t i = 0; i < sizeof segments / sizeof *segments; i++)
            assert_whole(file, spliced(file, 2, segments[i].bytes, segments[i].size, 2), "another segment");
}

static void a_version_to_come_is_read(void **state) {
    (void)state;
    enum { VERSION = 9 }; // of a JFIF segment, from its marker
    for (const struct file *file = files; file < files + KINDS; file++) {
        const size_t at = file->segment[0] + VERSION;
        if (file->bytes[3] == 0xe0) assert_whole(file, spliced(file, at, "\5\5", 2, at + 2), "JFIF 5.05");
    }
}

static void tables_may_come_twice(void **state) {
    (void)state;
    static const int markers[] = {0xdb, 0xc4};
    for (const struct file *file = files; file < files + ARITHMETIC; file++) {
        for (int i = 0; i < 2; i++) {
            const int table = find(file, markers[i]);
            const size_t at = file->segment[table], size = file->segment[table + 1] - at;
            assert_whole(file, spliced(file, at, file->bytes + at, size, at), "a table twice");
        }
    }
}

// The offset of restart marker `number` in the first scan.
static size_t find_restart(const struct file *file, int number) {
    const char marker[] = {(char)0xff, (char)(0xd0 + number)};
    const unsigned char *at = memmem(file->bytes, file->size, marker, 2);
    assert_non_null(at);
    return (size_t)(at - file->bytes);
}

static void restarts_that_lost_nothing_are_taken(void **state) {
    (void)state;
    const struct file *file = &files[RESTARTS];
    const size_t at = find_restart(file, 2);
    assert_whole(file, spliced(file, at, "\xff\xd6", 2, at + 2), "the sixth marker for the second");
    assert_whole(file, spliced(file, at, filler, 9, at), "filler before a restart");
    assert_whole(file, spliced(file, at, zeros, 1, at), "a zero before a restart");
    assert_whole(file, spliced(file, at, zeros, sizeof zeros, at), "zeros before a restart");
    assert_whole(file, spliced(file, at, junk, 2, at), "two bytes before a restart");
}

static void restarts_that_lost_something_are_not(void **state) {
    (void)state;
    const struct file *file = &files[RESTARTS];
    const size_t at = find_restart(file, 2), next = find_restart(file, 3);
    assert_refused(file, spliced(file, at, "\xff\xd3", 2, at + 2), "the third marker for the second");
    assert_refused(file, spliced(file, at, "", 0, next), "an interval is gone");
    assert_refused(file, spliced(file, at, "", 0, at + 2), "a marker is gone");
    assert_refused(file, spliced(file, at, junk, sizeof junk, at), "a code's rest before a restart");
    assert_refused(file, spliced(file, (at + next) / 2, zeros, sizeof zeros, next), "half an interval is zeros");
}

// As a download that broke off leaves it, where the file had its size beforehand.
static void assert_filled_refused(const struct file *file, size_t cut, char fill) {
    static char bytes[1 << 16];
    memset(bytes, fill, sizeof bytes);
    assert_true(end_of(file) - cut < sizeof bytes);
    assert_refused(file, spliced(file, cut, bytes, end_of(file) - cut, end_of(file)), "cut and filled up");
}

static void cut_codes_are_refused(void **state) {
    (void)state;
    for (const struct file *file = files; file < files + ARITHMETIC; file++) {
        const size_t scan = file->segment[find(file, 0xda)], middle = (scan + end_of(file)) / 2;
        assert_refused(file, spliced(file, middle, "", 0, file->size), "cut");
        assert_refused(file, spliced(file, middle, "", 0, end_of(file)), "cut, with an end marker");
        assert_refused(file, spliced(file, end_of(file) - 4, "", 0, file->size), "four bytes short");
        assert_filled_refused(file, middle, (char)0xff);
    }
    assert_filled_refused(&files[PROGRESSIVE], files[PROGRESSIVE].size / 4, 0);
    assert_filled_refused(&files[RESTARTS], files[RESTARTS].size / 2, 0);
    const struct file *arithmetic = &files[ARITHMETIC];
    assert_refused(arithmetic, spliced(arithmetic, end_of(arithmetic), "", 0, arithmetic->size), "no end marker");
}

static void missing_scans_are_refused(void **state) {
    (void)state;
    const struct file *separate = &files[SEPARATE], *progressive = &files[PROGRESSIVE];
    const size_t last = separate->segment[find(separate, 0xda)];
    assert_refused(separate, spliced(separate, last, "", 0, separate->size), "the last scan is gone");
    assert_refused(separate, spliced(separate, last, "", 0, end_of(separate)), "the last scan is gone, not the end");
    const size_t refinement = progressive->segment[find(progressive, 0xda)];
    assert_refused(progressive, spliced(progressive, refinement, "", 0, progressive->size), "a refinement is gone");
    assert_refused(progressive, spliced(progressive, refinement, zeros, sizeof zeros, end_of(progressive)),
                   "a refinement is zeros");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_the_end_is_not_read),
        cmocka_unit_test(a_missing_end_marker_loses_nothing),
        cmocka_unit_test(bytes_between_segments_belong_to_nothing),
        cmocka_unit_test(segments_of_others_say_nothing_of_the_pixels),
        cmocka_unit_test(a_version_to_come_is_read),
        cmocka_unit_test(tables_may_come_twice),
        cmocka_unit_test(restarts_that_lost_nothing_are_taken),
        cmocka_unit_test(restarts_that_lost_something_are_not),
        cmocka_unit_test(cut_codes_are_refused),
        cmocka_unit_test(missing_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, make_files, release_files);
}
