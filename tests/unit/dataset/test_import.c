#include "../base/folder.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "dataset/import.h"
#include "dataset/store.h"

static void write_bytes(const char *name, const void *bytes, size_t size) {
    char *parent = path_parent(name);
    assert_done(directory_make(parent));
    assert_done(file_write(name, bytes, size));
    free(parent);
}

static void write_text(const char *name, const char *text) {
    write_bytes(name, text, strlen(text));
}

// What the sink saw, a line per sample: "id image=BYTES WxHxC captions labels class defect", absent parts left out.
static struct buffer seen;
static int sink_status;

static void append_texts(const char *what, const struct span *texts, int count) {
    for (int i = 0; i < count; i++)
        buffer_format(&seen, "%s%.*s", i ? "|" : what, (int)texts[i].size, (const char *)texts[i].bytes);
}

static int see(void *context, const struct import_sample *sample) {
    (void)context;
    const struct record *record = &sample->record;
    assert_non_null(sample->name);
    buffer_format(&seen, "%.*s", (int)record->id.size, (const char *)record->id.bytes);
    if (record->image.size)
        buffer_format(&seen, " image=%.*s", (int)record->image.size, (const char *)record->image.bytes);
    append_texts(" images=", record->images, record->image_count);
    if (record->video.size)
        buffer_format(&seen, " video=%.*s", (int)record->video.size, (const char *)record->video.bytes);
    if (sample->pixels.bytes)
        buffer_format(&seen, " pixels=%dx%dx%d:%d,%d", sample->pixels.width, sample->pixels.height,
                      sample->pixels.channels, sample->pixels.bytes[0], sample->pixels.bytes[1]);
    append_texts(" captions=", record->captions, record->caption_count);
    append_texts(" labels=", record->labels, record->label_count);
    if (record->question.size)
        buffer_format(&seen, " question=%.*s", (int)record->question.size, (const char *)record->question.bytes);
    append_texts(" answers=", record->answers, record->answer_count);
    if (record->class >= 0) buffer_format(&seen, " class=%lld", (long long)record->class);
    if (sample->defect) buffer_text(&seen, " defect");
    buffer_text(&seen, "\n");
    return sink_status;
}

static int run_paths(const char *format, struct import_options options, const struct strings *paths) {
    buffer_clear(&seen);
    buffer_text(&seen, "");
    return import_run(import_find(format), &options, paths, see, NULL);
}

static int run(const char *format, struct import_options options, const char *path) {
    struct strings paths = {0};
    strings_add_text(&paths, path);
    int status = run_paths(format, options, &paths);
    strings_release(&paths);
    return status;
}

static void assert_import(const char *format, struct import_options options, const char *name, const char *expected) {
    assert_int_equal(run(format, options, name), 0);
    assert_string_equal(seen.bytes, expected);
}

#define OPTIONS(...) ((struct import_options){__VA_ARGS__})
#define NO_OPTIONS ((struct import_options){0})

static void test_folder(void **state) {
    (void)state;
    write_text("set/b/two.PNG", "P2");
    write_text("set/b/two.txt", "second\n\n  third\n");
    write_text("set/a.jpg", "P1");
    write_text("set/a.txt", "first\r\n");
    write_text("set/a.cls", "7\n");
    write_text("set/c.webp", "P3");
    write_text("set/d.png", "P4");
    write_text("set/d.txt", "\n \n");
    write_text("set/readme.md", "nothing");
    assert_import("folder", NO_OPTIONS, "set",
                  "a image=P1 captions=first class=7\n"
                  "b/two image=P2 captions=second|  third\n"
                  "c image=P3\n"
                  "d image=P4 captions=\n");
    assert_import("folder", OPTIONS(.first_line = true, .image_key = "png"), "set/",
                  "b/two image=P2 captions=second\n"
                  "d image=P4 captions=\n");
}

// Suffixes are of either case, stems are not; a file spelled as asked for goes first.
static void test_folder_with_capitals(void **state) {
    (void)state;
    write_text("set/A.JPG", "P1");
    write_text("set/A.TXT", "\xef\xbb\xbfupper\r\n");
    write_text("set/b.jpg", "P2");
    write_text("set/b.txt", "lower");
    write_text("set/b.Txt", "other");
    write_text("set/c/d.Jpg", "P3");
    write_text("set/c/d.tXt", "mixed");
    write_text("set/c/d.CLS", "\xef\xbb\xbf"
                              "3\r\n");
    write_text("set/z.jpg", "P4");
    write_text("set/Z.TXT", "of another");
    assert_import("folder", OPTIONS(.image_key = "JPG"), "set",
                  "A image=P1 captions=upper\n"
                  "b image=P2 captions=lower\n"
                  "c/d image=P3 captions=mixed class=3\n"
                  "z image=P4\n");
    sink_status = -EXIT_RUN; // ends below the root
    int status = run("folder", OPTIONS(.image_key = "jpg"), "set");
    sink_status = 0;
    assert_int_equal(status, -EXIT_RUN);
}

static void test_folder_that_matches_nothing(void **state) {
    (void)state;
    write_text("set/a.jpg", "P1");
    assert_int_equal(run("folder", NO_OPTIONS, "set"), -EXIT_DATA); // no text
    assert_int_equal(run("folder", OPTIONS(.image_key = "gif"), "set"), -EXIT_DATA);
    assert_int_equal(run("folder", NO_OPTIONS, "nowhere"), -EXIT_DATA);
    assert_int_equal(run("folder", NO_OPTIONS, "set/a.jpg"), -EXIT_DATA);
}

static void write_idx(const char *name, const uint8_t *dims, int dim_count, const uint8_t *data, size_t size) {
    struct buffer bytes = {0};
    buffer_append(&bytes, (uint8_t[]){0, 0, 8, (uint8_t)dim_count}, 4);
    for (int i = 0; i < dim_count; i++) buffer_append(&bytes, (uint8_t[]){0, 0, 0, dims[i]}, 4);
    buffer_append(&bytes, data, size);
    write_bytes(name, bytes.bytes, bytes.size);
    buffer_release(&bytes);
}

static const uint8_t counting[64] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};

static void test_idx(void **state) {
    (void)state;
    struct strings names = {0};
    strings_add_text(&names, "cat");
    strings_add_text(&names, "dog");
    write_idx("images-idx3-ubyte", (uint8_t[]){3, 2, 3}, 3, counting, 18);
    write_idx("labels-idx1-ubyte", (uint8_t[]){3}, 1, (uint8_t[]){1, 0, 1}, 3);
    assert_import("idx", OPTIONS(.class_names = &names), "images-idx3-ubyte",
                  "000000 pixels=3x2x1:0,1 labels=dog class=1\n"
                  "000001 pixels=3x2x1:6,7 labels=cat class=0\n"
                  "000002 pixels=3x2x1:12,13 labels=dog class=1\n");
    write_idx("colour", (uint8_t[]){1, 1, 2, 3}, 4, counting, 6);
    write_idx("one", (uint8_t[]){1}, 1, (uint8_t[]){5}, 1);
    assert_import("idx", OPTIONS(.labels_path = "one"), "colour", "000000 pixels=2x1x3:0,1 class=5\n");
    assert_int_equal(run("idx", NO_OPTIONS, "colour"), -EXIT_USAGE); // whose labels file cannot be guessed
    assert_int_equal(run("idx", OPTIONS(.labels_path = "one"), "one"), -EXIT_DATA);
    assert_int_equal(run("idx", OPTIONS(.labels_path = "one"), "images-idx3-ubyte"), -EXIT_DATA); // 1 for 3
    strings_release(&names);
}

static void test_idx_cut_anywhere(void **state) {
    (void)state;
    write_idx("images-idx3-ubyte", (uint8_t[]){3, 2, 3}, 3, counting, 18);
    write_idx("labels-idx1-ubyte", (uint8_t[]){3}, 1, (uint8_t[]){1, 0, 1}, 3);
    for (off_t size = 4 + 3 * 4 + 18 - 1; size >= 0; size--) {
        assert_int_equal(truncate("images-idx3-ubyte", size), 0);
        assert_int_equal(run("idx", NO_OPTIONS, "images-idx3-ubyte"), -EXIT_DATA);
    }
}

static void test_idx_header_that_lies(void **state) {
    (void)state;
    write_bytes("x-images-idx3", "\0\0\x08\x03\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    write_bytes("x-labels-idx1", "\0\0\x08\x01\0\0\0\x01\x01", 9);
    assert_int_equal(run("idx", NO_OPTIONS, "x-images-idx3"), -EXIT_DATA);
    write_bytes("x-images-idx3", "\0\0\x0d\x03\0\0\0\x01\0\0\0\x01\0\0\0\x01\0", 17); // of floats
    assert_int_equal(run("idx", NO_OPTIONS, "x-images-idx3"), -EXIT_DATA);
}

static void test_csv(void **state) {
    (void)state;
    write_text("p/1.jpg", "P1");
    write_text("p/2.jpg", "P2");
    write_text("list.csv", "\xef\xbb\xbf"
                           "id,filepath,title,more,kind\r\n"
                           "1,p/1.jpg,\"a \"\"red\"\" frog,\nsitting\",green,3\r\n"
                           "\r\n"
                           "2,p/2.jpg,plain,,0\n"
                           "3,p/none.jpg,lost,x,1\n"
                           "4,,nameless,x,1\n"
                           "5,p/1.jpg\n"
                           "6,p/1.jpg,kind is bad,,many");
    assert_import("csv", OPTIONS(.caption_key = "title;more", .class_key = "kind"), "list.csv",
                  "p/1.jpg image=P1 captions=a \"red\" frog,\nsitting|green class=3\n"
                  "p/2.jpg image=P2 captions=plain class=0\n"
                  "p/none.jpg captions=lost|x class=1 defect\n"
                  " captions=nameless|x class=1 defect\n"
                  " defect\n"
                  "p/1.jpg captions=kind is bad defect\n");
}

// Of several class columns the first that a row has, as of pictures.
static void test_csv_with_two_classes(void **state) {
    (void)state;
    write_text("p/1.jpg", "P1");
    write_text("list.csv", "filepath,title,fine,coarse\np/1.jpg,both,7,1\np/1.jpg,one,,2\np/1.jpg,none,,\n");
    assert_import("csv", OPTIONS(.class_key = "fine;coarse", .keep_rows = true), "list.csv",
                  "p/1.jpg image=P1 captions=both class=7\n"
                  "p/1.jpg image=P1 captions=one class=2\n"
                  "p/1.jpg image=P1 captions=none\n");
}

// Cells beyond the columns are a text with separators in it, unless they are empty.
static void test_csv_with_other_numbers_of_cells(void **state) {
    (void)state;
    write_text("1.jpg", "P1");
    write_text("2.jpg", "P2");
    write_text("list.csv",
               "filepath, title ,title\n1.jpg,a dog, running, fast\n1.jpg,x,\"y\",,\n2.jpg,lost\n2.jpg,p,q\r");
    assert_import("csv", NO_OPTIONS, "list.csv",
                  " defect\n"
                  "1.jpg image=P1 captions=x|y\n"
                  " defect\n"
                  "2.jpg image=P2 captions=p|q\n");
    write_text("list.csv", "image_name| comment_number| comment\n1.jpg| 0| A \"dog\" .\n");
    assert_import("csv", OPTIONS(.image_key = "image_name", .caption_key = " comment", .separator = "|"), "list.csv",
                  "1.jpg image=P1 captions= A \"dog\" .\n");
    write_text("list.csv", "filepath\ttitle\n1.jpg\ta\n");
    assert_import("csv", OPTIONS(.separator = "\\t"), "list.csv", "1.jpg image=P1 captions=a\n");
    write_bytes("list.csv", "filepath,title\n1.jpg\0x,a\n2.jpg,b\n", 33);
    assert_int_equal(run("csv", NO_OPTIONS, "list.csv"), 0);
    assert_non_null(strstr(seen.bytes, "2.jpg image=P2 captions=b\n"));
    assert_null(strstr(seen.bytes, "P1"));
}

static void test_rows_of_a_picture_are_one_sample(void **state) {
    (void)state;
    write_text("1.jpg", "P1");
    write_text("2.jpg", "P2");
    write_text("3.jpg", "P3");
    write_text("list.csv", "filepath,title,tag,kind\n"
                           "1.jpg,a,x,\n./2.jpg,b,y,1\n1.jpg,c,x,4\n2.jpg,d,z,2\n1.jpg\n.//1.jpg,a,w,4\n3.jpg,e,,5\n");
    const struct import_options options = {.label_key = "tag", .class_key = "kind"};
    assert_import("csv", options, "list.csv",
                  "1.jpg image=P1 captions=a|c|a labels=x|w class=4\n"
                  "./2.jpg image=P2 captions=b|d labels=y|z class=2 defect\n"
                  " defect\n"
                  "3.jpg image=P3 captions=e class=5\n");
    write_text("more.csv", "filepath,title\n3.jpg,f\n1.jpg,g\n");
    struct strings lists = {0};
    strings_add_text(&lists, "more.csv");
    strings_add_text(&lists, "list.csv");
    assert_int_equal(run_paths("csv", NO_OPTIONS, &lists), 0);
    strings_release(&lists);
    assert_string_equal(seen.bytes, "3.jpg image=P3 captions=f|e\n"
                                    "1.jpg image=P1 captions=g|a|c|a\n"
                                    "./2.jpg image=P2 captions=b|d\n"
                                    " defect\n");
    assert_import("csv", OPTIONS(.keep_rows = true), "more.csv",
                  "3.jpg image=P3 captions=f\n1.jpg image=P1 captions=g\n");
}

// More pictures than the first table of paths holds, their rows far apart.
static void test_many_rows(void **state) {
    (void)state;
    struct buffer list = {0}, expected = {0};
    for (int i = 0; i < 6000; i++)
        buffer_format(&list, "{\"filepath\": \"%d.jpg\", \"title\": \"t%d\"}\n", i % 3000, i);
    for (int i = 0; i < 3000; i++) buffer_format(&expected, "%d.jpg image=P captions=t%d|t%d\n", i, i, i + 3000);
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.jpg", i);
        write_text(name, "P");
    }
    write_bytes("list.jsonl", list.bytes, list.size);
    assert_import("jsonl", NO_OPTIONS, "list.jsonl", expected.bytes);
    buffer_release(&list);
    buffer_release(&expected);
}

// A FIFO that a list names, or that lies beside a picture, is a defect: nobody may ever write into it.
static void test_fifos(void **state) {
    (void)state;
    const char *fifo = "p/fifo.txt"; // in the current folder
    write_text("p/1.jpg", "P1");
    write_text("p/1.txt", "one");
    write_text("p/fifo.jpg", "P2");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    write_text("list.csv", "filepath,title\np/fifo.txt,none\np/1.jpg,one\n");
    alarm(20);
    assert_import("csv", NO_OPTIONS, "list.csv", "p/fifo.txt captions=none defect\np/1.jpg image=P1 captions=one\n");
    assert_import("folder", NO_OPTIONS, "p", "1 image=P1 captions=one\nfifo image=P2 defect\n");
    alarm(0);
    assert_int_equal(unlink(fifo), 0);
}

static void test_tsv_with_and_without_header(void **state) {
    (void)state;
    write_text("p/1.jpg", "P1");
    write_text("list.csv", "filepath\ttitle\np/1.jpg\ta, b\n");
    assert_import("csv", NO_OPTIONS, "list.csv", "p/1.jpg image=P1 captions=a, b\n");
    write_text("elsewhere/list.tsv", "a caption\t1.jpg\n");
    assert_import("csv",
                  OPTIONS(.columns = "caption,url", .image_key = "url", .caption_key = "caption", .images_root = "p"),
                  "elsewhere/list.tsv", "1.jpg image=P1 captions=a caption\n");
}

static void test_csv_that_matches_nothing(void **state) {
    (void)state;
    write_text("list.csv", "path,text\n1.jpg,x\n");
    assert_int_equal(run("csv", NO_OPTIONS, "list.csv"), -EXIT_DATA);
    assert_string_equal(seen.bytes, ""); // known from the header line alone
    write_text("list.csv", "");
    assert_int_equal(run("csv", NO_OPTIONS, "list.csv"), -EXIT_DATA);
    write_text("list.csv", "filepath,title\n1.jpg,\"never closed\n");
    assert_int_equal(run("csv", NO_OPTIONS, "list.csv"), -EXIT_DATA);
    assert_int_equal(run("csv", OPTIONS(.separator = "ab"), "list.csv"), -EXIT_USAGE);
}

static void test_jsonl(void **state) {
    (void)state;
    write_text("1.jpg", "P1");
    write_text("list.jsonl", "{\"filepath\": \"1.jpg\", \"title\": \"one\", \"tags\": [\"a\", \"b\"], \"n\": 4}\n"
                             "\n"
                             "{\"filepath\": \"1.jpg\", \"title\": [\"one\", \"two\"], \"tags\": null, \"n\": \"5\"}\n"
                             "{\"filepath\": \"1.jpg\", \"title\": 7}\n"
                             "{\"filepath\": \n"
                             "[1]\n"
                             "{\"title\": \"lost\", \"n\": -1}");
    assert_import("jsonl", OPTIONS(.label_key = "tags", .class_key = "n", .keep_rows = true), "list.jsonl",
                  "1.jpg image=P1 captions=one labels=a|b class=4\n"
                  "1.jpg image=P1 captions=one|two class=5\n"
                  "1.jpg image=P1 defect\n"
                  " defect\n"
                  " defect\n"
                  " captions=lost defect\n");
}

// What Python writes in fields that nobody asks for, and what pandas writes for a cell that is missing.
static void test_jsonl_of_python(void **state) {
    (void)state;
    write_text("1.jpg", "P1");
    write_text("list.jsonl",
               "\xef\xbb\xbf{\"filepath\": \"1.jpg\", \"title\": \"one\", \"p\": NaN, \"n\": 3.0}\r\n"
               "  \r\n"
               "{\"filepath\": \"1.jpg\", \"title\": \"two\\u0000 \\ud83d\", \"p\": 99999999999999999999}\r\n"
               "{\"filepath\": \"1.jpg\", \"title\": [\"three\", null, NaN], \"p\": 1e999}\n"
               "{\"filepath\": \"1.jpg\", \"title\": \"old\", \"title\": \"new\", \"exif\": \"x\\u0000\"}\n"
               "{\"filepath\": \"1.jpg\", \"title\": NaN}\n"
               "{\"filepath\": \"1.jpg\", \"title\": \"six\", \"n\": 3.5}\n");
    assert_import("jsonl", OPTIONS(.class_key = "n", .keep_rows = true), "list.jsonl",
                  "1.jpg image=P1 captions=one class=3\n"
                  "1.jpg image=P1 captions=two  \xef\xbf\xbd\n"
                  "1.jpg image=P1 captions=three\n"
                  "1.jpg image=P1 captions=new\n"
                  "1.jpg image=P1\n"
                  "1.jpg image=P1 captions=six defect\n");
}

static void test_first_100_records_must_match_something(void **state) {
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 100; i++) buffer_text(&text, "{\"picture\": \"1.jpg\", \"caption\": \"x\"}\n");
    buffer_text(&text, "{\"filepath\": \"1.jpg\", \"title\": \"one\"}\n");
    write_text("1.jpg", "P1");
    write_text("list.jsonl", text.bytes);
    assert_int_equal(run("jsonl", NO_OPTIONS, "list.jsonl"), -EXIT_DATA);
    assert_null(strstr(seen.bytes, "one"));
    assert_int_equal(run("jsonl", OPTIONS(.image_key = "picture", .caption_key = "caption"), "list.jsonl"), 0);
    buffer_release(&text);
}

static void test_coco(void **state) {
    (void)state;
    write_text("val/7.jpg", "P7");
    write_text("val/3.jpg", "P3");
    write_text("captions.json",
               "{\"info\": 1, \"images\": [{\"id\": 7, \"file_name\": \"7.jpg\"},"
               "{\"id\": 3, \"file_name\": \"3.jpg\"}, {\"id\": 9}],"
               "\"annotations\": [{\"image_id\": 3, \"caption\": \"c\"}, {\"image_id\": 7, \"caption\": "
               "\"a\"}, {\"image_id\": 7, \"caption\": \"b\"}, {\"image_id\": 8, \"caption\": \"z\"}]}");
    assert_import("coco", OPTIONS(.images_root = "val"), "captions.json",
                  "7 image=P7 captions=a|b\n"
                  "3 image=P3 captions=c\n"
                  " defect\n");
    write_text("other.json", "{\"pictures\": []}");
    assert_int_equal(run("coco", NO_OPTIONS, "other.json"), -EXIT_DATA);
    write_text("other.json", "[1, 2");
    assert_int_equal(run("coco", NO_OPTIONS, "other.json"), -EXIT_DATA);
}

static void test_coco_ids_of_any_kind(void **state) {
    (void)state;
    write_text("7.jpg", "P7");
    write_text("8.jpg", "P8");
    write_text("captions.json",
               "\xef\xbb\xbf{\"images\": [{\"id\": \"a7\", \"file_name\": \"7.jpg\", \"score\": NaN},"
               "{\"id\": 99999999999999999999, \"file_name\": \"8.jpg\"},"
               "{\"id\": 5.0, \"file_name\": \"./8.jpg\"}, {\"id\": \"a7\", \"file_name\": \"8.jpg\"},"
               "{\"id\": true, \"file_name\": \"7.jpg\"}, {\"id\": null, \"file_name\": \"7.jpg\"}],"
               "\"annotations\": [{\"image_id\": 5, \"caption\": \"c\"}, {\"image_id\": \"a7\", \"caption\": "
               "\"a\"}, {\"image_id\": 99999999999999999999, \"caption\": \"b\\u0000b\"},"
               "{\"image_id\": \"none\", \"caption\": \"z\"}, {\"image_id\": NaN, \"caption\": \"y\"}]}");
    listen_in();
    int status = run("coco", NO_OPTIONS, "captions.json");
    const char *words = heard();
    assert_int_equal(status, 0);
    assert_has(words, "2 captions are left out");
    assert_string_equal(seen.bytes, "a7 image=P7 captions=a\n"
                                    "99999999999999999999 image=P8 captions=b b|c\n"
                                    "a7 defect\n"
                                    " defect\n"
                                    " defect\n");
}

struct member {
    const char *name, *content;
};

static void write_tar(const char *path, const struct member *member, int count) {
    struct archive *archive = archive_write_new();
    archive_write_set_format_ustar(archive);
    if (strstr(path, ".gz")) archive_write_add_filter_gzip(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, member[i].name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)strlen(member[i].content));
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        archive_write_data(archive, member[i].content, strlen(member[i].content));
        archive_entry_free(entry);
    }
    assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

#define TAR(name, ...)                                                                                                 \
    write_tar(name, (struct member[]){__VA_ARGS__}, (int)(sizeof(struct member[]){__VA_ARGS__} / sizeof(struct member)))

static void test_tar(void **state) {
    (void)state;
    TAR("0.tar.gz", {"000.jpg", "P0"}, {"000.txt", "zero"}, {"000.json", "{\"caption\": [\"j\", \"k\"]}"},
        {"001.JPG", "P1"}, {"001.txt", "one\nuno"}, {"001.cls", "4"}, {"__len__", "2"}, {"a/001.txt", "elsewhere"},
        {"a/001.png", "PA"}, {"._002.jpg", "hidden"}, {"003.txt", "alone"}, {"004.input.jpg", "P4"});
    assert_import("tar", NO_OPTIONS, "0.tar.gz",
                  "000 image=P0 captions=zero\n"
                  "001 image=P1 captions=one|uno class=4\n"
                  "a/001 image=PA captions=elsewhere\n"
                  "003 captions=alone\n"
                  "004\n");
    assert_import("tar", OPTIONS(.json_text_key = "caption", .image_key = "input.jpg;jpg"), "0.tar.gz",
                  "000 image=P0 captions=j|k\n"
                  "001 image=P1 class=4\n"
                  "a/001\n"
                  "003\n"
                  "004 image=P4\n");
}

static void test_tar_groups_adjacent_members_only_and_never_across_shards(void **state) {
    (void)state;
    TAR("0.tar", {"0.jpg", "P0"}, {"0.txt", "zero"}, {"1.jpg", "P1"});
    TAR("1.tar", {"1.txt", "one"}, {"2.jpg", "P2"}, {"3.txt", "three"}, {"2.txt", "two"});
    assert_import("tar", NO_OPTIONS, "{0..1}.tar",
                  "0 image=P0 captions=zero\n"
                  "1 image=P1\n"
                  "1 captions=one\n"
                  "2 image=P2\n"
                  "3 captions=three\n"
                  "2 captions=two\n");
}

// webdataset's own members are "__NAME__"; other names may begin so.
static void test_tar_names_with_underscores(void **state) {
    (void)state;
    TAR("0.tar", {"__len__", "1"}, {"__a__/0.jpg", "PX"}, {"__0001.jpg", "P1"}, {"__0001.txt", "one"},
        {"__init__.JPG", "P2"}, {"__init__.TXT", "\xef\xbb\xbftwo\r\n"}, {"__b/c.jpg", "P3"}, {"__b/c.txt", "three"},
        {"d/__e__.jpg", "P4"}, {"d/__e__.txt", "four"});
    assert_import("tar", NO_OPTIONS, "0.tar",
                  "__0001 image=P1 captions=one\n"
                  "__init__ image=P2 captions=two\n"
                  "__b/c image=P3 captions=three\n"
                  "d/__e__ image=P4 captions=four\n");
}

static void test_tar_members_of_one_name_are_a_defect(void **state) {
    (void)state;
    TAR("0.tar", {"0.jpg", "P0"}, {"0.txt", "zero"}, {"0.jpg", "P1"}, {"0.txt", "one"}, {"2.jpg", "P2"},
        {"2.txt", "two"}, {"3.JPG", "P3"}, {"3.jpg", "P4"}, {"3.txt", "three"});
    assert_import("tar", NO_OPTIONS, "0.tar",
                  "0 image=P0 captions=zero defect\n"
                  "2 image=P2 captions=two\n"
                  "3 image=P3 captions=three defect\n");
}

static void test_ids_are_utf8_and_differ(void **state) {
    (void)state;
    TAR("0.tar", {"caf\xe9.jpg", "P0"}, {"caf\xe9.txt", "a"}, {"caf\\xe9.jpg", "P1"}, {"caf\\xe9.txt", "b"},
        {"a\\b.jpg", "P2"}, {"a\\b.txt", "c"}, {"caf\xc3\xa9.jpg", "P3"}, {"caf\xc3\xa9.txt", "d"});
    assert_import("tar", NO_OPTIONS, "0.tar",
                  "caf\\xe9 image=P0 captions=a\n"
                  "caf\\x5cxe9 image=P1 captions=b\n"
                  "a\\b image=P2 captions=c\n"
                  "caf\xc3\xa9 image=P3 captions=d\n");
    write_text("caf\xe9.jpg", "P4");
    write_text("list.csv", "filepath,title\ncaf\xe9.jpg,e\n");
    assert_import("csv", NO_OPTIONS, "list.csv", "caf\\xe9.jpg image=P4 captions=e\n");
}

static void test_tar_takes_the_picture_named_first(void **state) {
    (void)state;
    TAR("0.tar", {"0.png", "PNG"}, {"0.jpg", "JPG"}, {"0.webp", "WEBP"}, {"0.txt", "x"});
    assert_import("tar", OPTIONS(.image_key = "webp;jpg;png"), "0.tar", "0 image=WEBP captions=x\n");
    assert_import("tar", OPTIONS(.image_key = "jpg;png;webp"), "0.tar", "0 image=JPG captions=x\n");
}

#define MARKED(fields) "{\"format\": \"cocaflow record\"" fields "}"

// In any order, and only where the json says so.
static void test_tar_of_records(void **state) {
    (void)state;
    TAR("0.tar", {"0.1.png", "P1"}, {"0.json", MARKED(", \"id\": \"caf\\\\xe9\", \"captions\": [\"a b\"]")},
        {"0.0.jpg", "P0"}, {"0.txt", "a\nb"}, {"1.mp4", "V"}, {"1.png", "P"}, {"1.cls", "2"}, {"1.json", MARKED("")},
        {"2.mp4", "V"}, {"2.png", "P"}, {"2.0.png", "P0"}, {"2.txt", "c"}, {"2.json", "{\"id\": \"cocaflow record\"}"},
        {"3.json", MARKED(", \"question\": \"q\", \"answers\": [\"x\", \"y\"], \"labels\": [\"l\"]")}, {"3.none", "V"});
    assert_import("tar", NO_OPTIONS, "0.tar",
                  "caf\\xe9 images=P0|P1 captions=a b\n"
                  " image=P video=V class=2\n"
                  "2 image=P captions=c\n"
                  " video=V labels=l question=q answers=x|y\n");
    assert_import("tar", OPTIONS(.image_key = "1.png;png", .caption_key = "txt", .label_key = "tags"), "0.tar",
                  "caf\\xe9 image=P1 captions=a|b\n"
                  " image=P class=2\n"
                  "2 image=P captions=c\n"
                  " question=q answers=x|y\n");
}

static void test_tar_of_records_that_are_wrong(void **state) {
    (void)state;
    TAR("0.tar", {"0.jpg", "P"}, {"0.txt", "fit"}, {"1.0.jpg", "P0"}, {"1.2.jpg", "P2"}, {"1.json", MARKED("")},
        {"2.0.jpg", "P0"}, {"2.0.png", "P1"}, {"2.json", MARKED("")}, {"3.jpg", "P"},
        {"3.json", MARKED(", \"captions\": 7")}, {"4.jpg", "P"}, {"4.json", MARKED(", \"answers\": [{}]")},
        {"5.jpg", "P"}, {"5.json", MARKED(",")}, {"6.256.jpg", "P"}, {"6.99999999999999999999.jpg", "P"},
        {"6.json", MARKED("")});
    assert_import("tar", NO_OPTIONS, "0.tar",
                  "0 image=P captions=fit\n"
                  " images=P0||P2 defect\n"
                  " images=P1 defect\n"
                  " image=P defect\n"
                  " image=P defect\n"
                  "5 image=P defect\n"
                  "\n");
}

static void test_tar_with_other_suffixes_is_refused(void **state) {
    (void)state;
    TAR("0.tar", {"0.input.jpg", "P0"}, {"0.outputs.txt", "zero"});
    assert_int_equal(run("tar", NO_OPTIONS, "0.tar"), -EXIT_DATA);
    assert_import("tar", OPTIONS(.image_key = "input.jpg", .caption_key = "outputs.txt"), "0.tar",
                  "0 image=P0 captions=zero\n");
}

static void test_cut_tars_are_data_errors(void **state) {
    (void)state;
    TAR("0.tar", {"0.jpg", "P0"}, {"0.txt", "zero"});
    TAR("0.tar.gz", {"0.jpg", "P0"}, {"0.txt", "zero"});
    for (off_t size = 1500; size > 0; size -= 125) { // the second content begins at 1536
        assert_int_equal(truncate("0.tar", size), 0);
        assert_int_equal(run("tar", NO_OPTIONS, "0.tar"), -EXIT_DATA);
    }
    struct buffer file = {0};
    assert_int_equal(file_read("0.tar.gz", 1 << 20, &file), 0);
    for (off_t size = (off_t)file.size - 20; size >= 0; size -= 7) {
        assert_int_equal(truncate("0.tar.gz", size), 0);
        assert_int_equal(run("tar", NO_OPTIONS, "0.tar.gz"), -EXIT_DATA);
    }
    write_text("0.tar", "this is not a tar at all");
    assert_int_equal(run("tar", NO_OPTIONS, "0.tar"), -EXIT_DATA);
    assert_int_equal(run("tar", NO_OPTIONS, "missing.tar"), -EXIT_DATA);
    buffer_release(&file);
}

static void test_dataset(void **state) {
    (void)state;
    struct store_writer *writer;
    struct span caption = {"a frog", 6};
    struct record record = RECORD_EMPTY;
    record.image = (struct span){"P1", 2};
    record.captions = &caption;
    record.caption_count = 1;
    record.id = (struct span){"x\xe9", 2}; // as others may have written it
    assert_int_equal(store_writer_open(&writer, "set", 10, false), 0);
    assert_int_equal(store_writer_add(writer, &record), 0);
    assert_int_equal(store_writer_commit(&writer), 0);
    assert_import("dataset", NO_OPTIONS, "set", "x\\xe9 image=P1 captions=a frog\n");
}

static void test_several_paths(void **state) {
    (void)state;
    TAR("a00.tar", {"0.jpg", "P0"}, {"0.txt", "zero"});
    TAR("a01.tar", {"1.jpg", "P1"}, {"1.txt", "one"});
    TAR("b.tar", {"2.jpg", "P2"}, {"2.txt", "two"});
    TAR("{0..1}.tar", {"3.jpg", "P3"}, {"3.txt", "three"});
    struct strings paths = {0};
    strings_add_text(&paths, "a{00..01}.tar::{b,a00}.tar");
    strings_add_text(&paths, "{0..1}.tar");
    assert_int_equal(run_paths("tar", NO_OPTIONS, &paths), 0);
    assert_string_equal(seen.bytes, "0 image=P0 captions=zero\n"
                                    "1 image=P1 captions=one\n"
                                    "2 image=P2 captions=two\n"
                                    "0 image=P0 captions=zero\n"
                                    "3 image=P3 captions=three\n");
    strings_clear(&paths);
    strings_add_text(&paths, "{0..99999999999}.tar");
    assert_int_equal(run_paths("tar", NO_OPTIONS, &paths), -EXIT_USAGE);
    strings_clear(&paths);
    assert_int_equal(run_paths("tar", NO_OPTIONS, &paths), -EXIT_USAGE);
    strings_release(&paths);
}

static void test_the_sinks_status_ends_the_import(void **state) {
    (void)state;
    TAR("0.tar", {"0.jpg", "P0"}, {"0.txt", "zero"}, {"1.jpg", "P1"}, {"1.txt", "one"});
    sink_status = -EXIT_RUN;
    int status = run("tar", NO_OPTIONS, "0.tar");
    sink_status = 0;
    assert_int_equal(status, -EXIT_RUN);
    assert_string_equal(seen.bytes, "0 image=P0 captions=zero\n");
}

static int rows_left;

static int stop_by_rows(void) {
    return rows_left-- ? 0 : -EXIT_RUN;
}

static void test_a_list_may_be_stopped_at_any_row(void **state) {
    (void)state;
    write_text("1.jpg", "P1");
    write_text("list.csv", "filepath,title\n1.jpg,a\n1.jpg,b\n");
    for (int rows = 0; rows < 3; rows++) {
        rows_left = rows;
        assert_int_equal(run("csv", OPTIONS(.stopped = stop_by_rows), "list.csv"), rows < 2 ? -EXIT_RUN : 0);
        assert_string_equal(seen.bytes, rows < 2 ? "" : "1.jpg image=P1 captions=a|b\n");
    }
}

static void test_a_class_beyond_the_names_is_a_defect(void **state) {
    (void)state;
    struct strings names = {0};
    strings_add_text(&names, "cat");
    TAR("0.tar", {"0.jpg", "P0"}, {"0.cls", "0"}, {"1.jpg", "P1"}, {"1.cls", "1"}, {"2.jpg", "P2"}, {"2.cls", "x"});
    assert_import("tar", OPTIONS(.class_names = &names), "0.tar",
                  "0 image=P0 labels=cat class=0\n"
                  "1 image=P1 class=1 defect\n"
                  "2 image=P2 defect\n");
    strings_release(&names);
}

static void test_find(void **state) {
    (void)state;
    for (const struct import_format *const *format = import_formats; *format; format++)
        assert_ptr_equal(import_find((*format)->name), *format);
    assert_null(import_find("parquet"));
}

static int release_seen(void **state) {
    (void)state;
    buffer_release(&seen);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_folder),
        IN_FOLDER(test_folder_with_capitals),
        IN_FOLDER(test_folder_that_matches_nothing),
        IN_FOLDER(test_idx),
        IN_FOLDER(test_idx_cut_anywhere),
        IN_FOLDER(test_idx_header_that_lies),
        IN_FOLDER(test_csv),
        IN_FOLDER(test_csv_with_two_classes),
        IN_FOLDER(test_csv_with_other_numbers_of_cells),
        IN_FOLDER(test_rows_of_a_picture_are_one_sample),
        IN_FOLDER(test_many_rows),
        IN_FOLDER(test_fifos),
        IN_FOLDER(test_tsv_with_and_without_header),
        IN_FOLDER(test_csv_that_matches_nothing),
        IN_FOLDER(test_jsonl),
        IN_FOLDER(test_jsonl_of_python),
        IN_FOLDER(test_first_100_records_must_match_something),
        IN_FOLDER(test_coco),
        IN_FOLDER(test_coco_ids_of_any_kind),
        IN_FOLDER(test_tar),
        IN_FOLDER(test_tar_names_with_underscores),
        IN_FOLDER(test_tar_members_of_one_name_are_a_defect),
        IN_FOLDER(test_ids_are_utf8_and_differ),
        IN_FOLDER(test_tar_groups_adjacent_members_only_and_never_across_shards),
        IN_FOLDER(test_tar_takes_the_picture_named_first),
        IN_FOLDER(test_tar_of_records),
        IN_FOLDER(test_tar_of_records_that_are_wrong),
        IN_FOLDER(test_tar_with_other_suffixes_is_refused),
        IN_FOLDER(test_cut_tars_are_data_errors),
        IN_FOLDER(test_dataset),
        IN_FOLDER(test_several_paths),
        IN_FOLDER(test_the_sinks_status_ends_the_import),
        IN_FOLDER(test_a_list_may_be_stopped_at_any_row),
        IN_FOLDER(test_a_class_beyond_the_names_is_a_defect),
        IN_FOLDER(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, release_seen);
}
