#include "../base/support.h"

#include "base/hash.h"
#include "tensor/safetensors.h"

// What the Rust library writes for {"a": f32 [2,3] of 0, 0.5, … 2.5, "b": f32 [1] of -1.5} and metadata format=pt.
static const char golden[] = "\x90\0\0\0\0\0\0\0"
                             "{\"__metadata__\":{\"format\":\"pt\"},"
                             "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                             "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]}} "
                             "\0\0\0\0\0\0\0\x3f\0\0\x80\x3f\0\0\xc0\x3f\0\0\0\x40\0\0\x20\x40\0\0\xc0\xbf";
#define GOLDEN_SIZE (sizeof golden - 1)
static float golden_a[6] = {0, 0.5, 1, 1.5, 2, 2.5}, golden_b[1] = {-1.5};

static struct tensor tensor_of(const char *name, enum dtype dtype, struct shape shape, void *data) {
    struct tensor tensor = {.dtype = dtype, .shape = shape, .data = data};
    strcpy(tensor.name, name);
    return tensor;
}

static void assert_tensor(const struct safetensors *file, struct tensor want) {
    const struct tensor *found = safetensors_find(file, want.name);
    assert_non_null(found);
    assert_string_equal(found->name, want.name);
    assert_int_equal(found->dtype, want.dtype);
    assert_true(shape_equal(found->shape, want.shape));
    assert_memory_equal(found->data, want.data, tensor_bytes(&want));
}

static void the_golden_bytes_read(void **state) {
    (void)state;
    struct safetensors file = {0};
    assert_int_equal(GOLDEN_SIZE, 180);
    assert_int_equal(safetensors_parse(&file, golden, GOLDEN_SIZE, "golden"), 0);
    assert_int_equal(file.count, 2);
    assert_tensor(&file, tensor_of("a", DT_F32, SHAPE(2, 3), golden_a));
    assert_tensor(&file, tensor_of("b", DT_F32, SHAPE(1), golden_b));
    assert_null(safetensors_find(&file, "c"));
    assert_null(safetensors_find(&file, "__metadata__"));
    assert_string_equal(file.metadata, "{\"format\":\"pt\"}");
    safetensors_close(&file);
    assert_null(file.tensor);
}

static void the_golden_bytes_are_written(void **state) {
    (void)state;
    const struct tensor tensors[] = {tensor_of("a", DT_F32, SHAPE(2, 3), golden_a),
                                     tensor_of("b", DT_F32, SHAPE(1), golden_b)};
    uint64_t checksum = 0;
    int64_t size = 0;
    assert_int_equal(
        safetensors_write(in_folder("golden"), tensors, 2, (const char *[]){"format=pt"}, 1, &checksum, &size), 0);
    struct buffer bytes = {0};
    assert_int_equal(file_read(in_folder("golden"), 1000, &bytes), 0);
    assert_int_equal(bytes.size, GOLDEN_SIZE);
    assert_memory_equal(bytes.bytes, golden, GOLDEN_SIZE);
    buffer_release(&bytes);
    assert_int_equal(size, GOLDEN_SIZE);
    assert_int_equal(checksum, hash_bytes(golden, GOLDEN_SIZE, 0));
}

static void every_type_and_rank_survives(void **state) {
    (void)state;
    double data[32];
    for (int i = 0; i < 32; i++) data[i] = i * 1.1;
    const struct tensor tensors[] = {
        tensor_of("double", DT_F64, SHAPE(4), data),
        tensor_of("long", DT_I64, SHAPE(1, 2), data + 1),
        tensor_of("float", DT_F32, SHAPE(1, 2, 1, 2, 1, 2), data),
        tensor_of("int", DT_I32, shape_of(0, NULL), data + 3),
        tensor_of("brain.weight", DT_BF16, SHAPE(5), data + 2),
        tensor_of("half", DT_F16, SHAPE(3, 1), data),
        tensor_of("nothing", DT_F32, SHAPE(3, 0), NULL),
        tensor_of("byte", DT_U8, SHAPE(7), data),
        tensor_of("\xc3\x9f \"quoted\"", DT_U8, SHAPE(1), data),
    };
    const size_t count = sizeof tensors / sizeof *tensors;
    assert_int_equal(safetensors_write(in_folder("types"), tensors, count, NULL, 0, NULL, NULL), 0);
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, in_folder("types")), 0);
    assert_int_equal(file.count, count);
    assert_null(file.metadata);
    assert_null(file.copies);
    for (size_t i = 0; i < count; i++)
        if (tensors[i].data) assert_tensor(&file, tensors[i]);
    assert_int_equal(tensor_bytes(safetensors_find(&file, "nothing")), 0);
    safetensors_close(&file);
}

// Three fill in one file, whatever each has, in any order; it has the bytes that one writes.
static void several_write_one_file(void **state) {
    (void)state;
    enum { SHARES = 3, TENSORS = 5 };
    static const int order[SHARES] = {2, 0, 1};
    double data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct tensor all[TENSORS] = {
        tensor_of("byte", DT_U8, SHAPE(3), data), tensor_of("double", DT_F64, SHAPE(2, 2), data + 1),
        tensor_of("nothing", DT_F32, SHAPE(0), data), tensor_of("float", DT_F32, SHAPE(7), data + 2),
        tensor_of("last", DT_BF16, SHAPE(1), data + 3)};
    struct buffer wanted = {0}, found = {0};
    struct aside aside;
    uint64_t checksum[2];
    int64_t size[2];
    assert_int_equal(safetensors_write(in_folder("one"), all, TENSORS, NULL, 0, &checksum[0], &size[0]), 0);
    assert_int_equal(safetensors_lay_out(&aside, in_folder("shared"), all, TENSORS), 0);
    for (int k = 0; k < SHARES; k++) {
        struct tensor own[TENSORS];
        for (int i = 0; i < TENSORS; i++) {
            own[i] = all[i];
            if (i % SHARES != order[k]) own[i].data = NULL;
        }
        assert_false(file_exists(in_folder("shared")));
        assert_int_equal(safetensors_fill(in_folder("shared"), own, TENSORS), 0);
    }
    assert_int_equal(safetensors_finish(&aside, in_folder("shared"), &checksum[1], &size[1]), 0);
    assert_false(file_exists(in_folder("shared.tmp")));
    assert_true(checksum[0] == checksum[1] && size[0] == size[1]);
    assert_int_equal(file_read(in_folder("one"), 10000, &wanted), 0);
    assert_int_equal(file_read(in_folder("shared"), 10000, &found), 0);
    assert_int_equal(wanted.size, found.size);
    assert_memory_equal(wanted.bytes, found.bytes, wanted.size);
    buffer_release(&wanted);
    buffer_release(&found);
}

static void a_file_without_tensors_is_one(void **state) {
    (void)state;
    uint64_t checksum;
    struct safetensors file;
    assert_int_equal(safetensors_write(in_folder("none"), NULL, 0, NULL, 0, &checksum, NULL), 0);
    assert_int_equal(safetensors_open(&file, in_folder("none")), 0);
    assert_int_equal(file.count, 0);
    safetensors_close(&file);
}

// A file of this header and `size` bytes 0, 1, 2, … of data; the caller releases.
static struct buffer make(const char *header, size_t length, size_t size) {
    struct buffer bytes = {0};
    for (int i = 0; i < 8; i++) buffer_append(&bytes, &(char){(char)((uint64_t)length >> 8 * i)}, 1);
    buffer_append(&bytes, header, length);
    for (size_t i = 0; i < size; i++) buffer_append(&bytes, &(char){(char)i}, 1);
    return bytes;
}

// In memory of exactly that size, so that a sanitizer sees a read behind it.
static void assert_refused(const char *data, size_t size, const char *reason) {
    struct safetensors file = {0};
    char *copy = xmalloc(size);
    if (size) memcpy(copy, data, size);
    listen_in();
    int status = safetensors_parse(&file, copy, size, "FILE.safetensors");
    const char *text = heard();
    free(copy);
    if (status != -EXIT_DATA) fail_msg("%d, \"%s\", where \"%s\" was due", status, text, reason);
    assert_has(text, "FILE.safetensors: ");
    assert_has(text, reason);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_true(!file.tensor && !file.metadata && !file.copies && !file.count);
}

static void a_cut_file_is_refused_at_every_length(void **state) {
    (void)state;
    for (size_t size = 0; size < GOLDEN_SIZE; size++) assert_refused(golden, size, "");
}

static void bytes_behind_the_data_are_refused(void **state) {
    (void)state;
    char longer[GOLDEN_SIZE + 1];
    memcpy(longer, golden, GOLDEN_SIZE);
    longer[GOLDEN_SIZE] = 0;
    assert_refused(longer, sizeof longer, "1 bytes behind the last tensor");
}

static void a_header_length_that_lies_is_refused(void **state) {
    (void)state;
    const uint64_t lengths[] = {
        0, 1, 143, 145, 172, 173, 100000000, 100000001, INT64_MAX, UINT64_MAX - 7, UINT64_MAX, (uint64_t)1 << 32};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char bytes[GOLDEN_SIZE];
        memcpy(bytes, golden, sizeof bytes);
        memcpy(bytes, &lengths[i], 8);
        assert_refused(bytes, sizeof bytes, "");
    }
}

#define ENTRY(dtype, shape, offsets) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{\"a\":" ENTRY(dtype, shape, offsets) "}"
#define TWO(shape, offsets, shape2, offsets2)                                                                          \
    "{\"a\":" ENTRY("\"U8\"", shape, offsets) ",\"b\":" ENTRY("\"U8\"", shape2, offsets2) "}"

static const struct {
    const char *header;
    size_t size;
    const char *reason;
} lies[] = {
    {"", 0, "no JSON object"},
    {"[]", 0, "no JSON object"},
    {"null", 0, "no JSON object"},
    {" {}", 0, "does not begin with {"},
    {"{", 0, "no JSON object"},
    {"{}{}", 0, "end of file expected"},
    {"{} x", 0, "end of file expected"},
    {"{\"a\":1}", 0, "no dtype"},
    {"{\"a\":null}", 0, "no dtype"},
    {"{\"a\":[]}", 0, "no dtype"},
    {"{\"a\":{}}", 0, "no dtype"},
    {"{\"a\":{\"dtype\":\"U8\"}}", 0, "no shape"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}}", 0, "no data_offsets"},
    {ONE("7", "[4]", "[0,4]"), 4, "no dtype"},
    {ONE("\"\"", "[4]", "[0,4]"), 4, "dtype \"\" is not known"},
    {ONE("\"BOOL\"", "[4]", "[0,4]"), 4, "dtype \"BOOL\" is not known here; convert it"},
    {ONE("\"u8\"", "[4]", "[0,4]"), 4, "dtype \"u8\" is not known"},
    {ONE("\"<f4\"", "[1]", "[0,4]"), 4, "dtype \"<f4\" is not known"},
    {ONE("\"U8\"", "4", "[0,4]"), 4, "no shape"},
    {ONE("\"U8\"", "{}", "[0,4]"), 4, "no shape"},
    {ONE("\"U8\"", "[4.0]", "[0,4]"), 4, "a dimension is no count"},
    {ONE("\"U8\"", "[\"4\"]", "[0,4]"), 4, "a dimension is no count"},
    {ONE("\"U8\"", "[-4]", "[0,4]"), 4, "a dimension is no count"},
    {ONE("\"U8\"", "[-2,-2]", "[0,4]"), 4, "a dimension is no count"},
    {ONE("\"U8\"", "[1,1,1,1,1,1,4]", "[0,4]"), 4, "7 dimensions, at most 6"},
    {ONE("\"U8\"", "[3]", "[0,4]"), 4, "differ in size"},
    {ONE("\"U8\"", "[5]", "[0,4]"), 4, "differ in size"},
    {ONE("\"F32\"", "[4]", "[0,4]"), 4, "differ in size"},
    {ONE("\"U8\"", "[]", "[0,4]"), 4, "differ in size"},
    {ONE("\"U8\"", "[0]", "[0,4]"), 4, "differ in size"},
    {ONE("\"U8\"", "[9223372036854775807,9223372036854775807]", "[0,1]"), 1, "differ in size"},
    {ONE("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, "differ in size"},
    {ONE("\"F32\"", "[4611686018427387905]", "[0,4]"), 4, "differ in size"},
    {ONE("\"U8\"", "[18446744073709551617]", "[0,1]"), 1, "too big"},
    {ONE("\"U8\"", "[4]", "4"), 4, "no data_offsets"},
    {ONE("\"U8\"", "[4]", "[]"), 4, "no data_offsets"},
    {ONE("\"U8\"", "[4]", "[4]"), 4, "no data_offsets"},
    {ONE("\"U8\"", "[4]", "[0,2,4]"), 4, "no data_offsets"},
    {ONE("\"U8\"", "[4]", "[0,4.0]"), 4, "no data_offsets"},
    {ONE("\"U8\"", "[4]", "{\"0\":0,\"1\":4}"), 4, "no data_offsets"},
    {ONE("\"U8\"", "[4]", "[-4,0]"), 4, "outside the file"},
    {ONE("\"U8\"", "[4]", "[4,0]"), 4, "outside the file"},
    {ONE("\"U8\"", "[5]", "[0,5]"), 4, "outside the file"},
    {ONE("\"U8\"", "[4]", "[4,8]"), 4, "outside the file"},
    {ONE("\"U8\"", "[4]", "[9223372036854775803,9223372036854775807]"), 4, "outside the file"},
    {ONE("\"U8\"", "[3]", "[1,4]"), 4, "a hole or an overlap"},
    {ONE("\"U8\"", "[3]", "[0,3]"), 4, "1 bytes behind the last tensor"},
    {"{}", 4, "4 bytes behind the last tensor"},
    {TWO("[2]", "[0,2]", "[1]", "[3,4]"), 4, "\"b\": a hole or an overlap"},
    {TWO("[3]", "[0,3]", "[2]", "[2,4]"), 4, "\"b\": a hole or an overlap"},
    {TWO("[4]", "[0,4]", "[4]", "[0,4]"), 4, "a hole or an overlap"},
    {TWO("[4]", "[0,4]", "[2]", "[1,3]"), 4, "a hole or an overlap"},
    {TWO("[2]", "[0,2]", "[0]", "[1,1]"), 2, "a hole or an overlap"},
    {"{\"a\":" ENTRY("\"U8\"", "[2]", "[0,2]") ",\"a\":" ENTRY("\"U8\"", "[2]", "[2,4]") "}", 4, "duplicate"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "duplicate"},
    {"{\"\xff\":" ENTRY("\"U8\"", "[0]", "[0,0]") "}", 0, "unable to decode"},
    {"{\"a\\u0000\":" ENTRY("\"U8\"", "[0]", "[0,0]") "}", 0, "no JSON object"},
    {"{\"__metadata__\":7}", 0, "__metadata__ is no object of texts"},
    {"{\"__metadata__\":[\"a\"]}", 0, "__metadata__ is no object of texts"},
    {"{\"__metadata__\":{\"a\":\"b\",\"c\":1}}", 0, "__metadata__ is no object of texts"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate"},
};

static void a_header_that_lies_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct buffer bytes = make(lies[i].header, strlen(lies[i].header), lies[i].size);
        assert_refused(bytes.bytes, bytes.size, lies[i].reason);
        buffer_release(&bytes);
    }
}

static void a_nul_in_the_header_is_refused(void **state) {
    (void)state;
    struct buffer bytes = make("{}\0", 3, 0);
    assert_refused(bytes.bytes, bytes.size, "no JSON object");
    buffer_release(&bytes);
}

// `deep` opening brackets are more than a parser's stack should follow.
static void a_deep_header_is_refused(void **state) {
    (void)state;
    enum { DEEP = 1000000 };
    char *header = xmalloc(DEEP);
    memset(header, '[', DEEP);
    memcpy(header, "{\"a\":", 5);
    struct buffer bytes = make(header, DEEP, 0);
    assert_refused(bytes.bytes, bytes.size, "no JSON object");
    buffer_release(&bytes);
    free(header);
}

static int parse_named(size_t length, const char **said) {
    struct buffer header = {0};
    buffer_format(&header, "{\"%0*d\":%s}", (int)length, 0, ENTRY("\"U8\"", "[1]", "[0,1]"));
    struct buffer bytes = make(header.bytes, header.size, 1);
    struct safetensors file = {0};
    listen_in();
    int status = safetensors_parse(&file, bytes.bytes, bytes.size, "FILE");
    *said = heard();
    safetensors_close(&file);
    buffer_release(&bytes);
    buffer_release(&header);
    return status;
}

static void a_long_name_is_refused(void **state) {
    (void)state;
    const char *said;
    assert_int_equal(parse_named(TENSOR_NAME - 1, &said), 0);
    assert_int_equal(parse_named(TENSOR_NAME, &said), -EXIT_DATA);
    assert_has(said, "names of more than 127 bytes");
    assert_int_equal(parse_named(5000, &said), -EXIT_DATA);
}

static const struct {
    const char *header;
    size_t size, count;
} liberties[] = {
    {TWO("[2]", "[2,4]", "[2]", "[0,2]"), 4, 2},
    {TWO("[0]", "[2,2]", "[2]", "[0,2]"), 2, 2},
    {TWO("[0]", "[0,0]", "[0]", "[0,0]"), 0, 2},
    {ONE("\"U8\"", "[0,9223372036854775807]", "[0,0]"), 0, 1},
    {ONE("\"U8\"", "[]", "[0,1]"), 1, 1},
    {"{}", 0, 0},
    {"{}      ", 0, 0},
    {"{\"__metadata__\":{}}", 0, 0},
    {"{ \"a\" : " ENTRY("\"U8\"", "[ 4 ]", "[ 0 , 4 ]") " } ", 4, 1},
    {"{\"a\":{\"data_offsets\":[0,4],\"more\":1,\"shape\":[4],\"dtype\":\"U8\"}}", 4, 1},
};

static void what_the_format_leaves_open_is_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof liberties / sizeof *liberties; i++) {
        struct safetensors file = {0};
        struct buffer bytes = make(liberties[i].header, strlen(liberties[i].header), liberties[i].size);
        assert_int_equal(safetensors_parse(&file, bytes.bytes, bytes.size, "FILE"), 0);
        assert_int_equal(file.count, liberties[i].count);
        for (size_t j = 1; j < file.count; j++) assert_true(file.tensor[j - 1].data <= file.tensor[j].data);
        safetensors_close(&file);
        buffer_release(&bytes);
    }
}

// Behind a header of any length, and behind three bytes, f32 and i64 lie askew in the file but not for the reader.
static void tensors_are_aligned_whatever_the_file(void **state) {
    (void)state;
    const char *header =
        "{\"a\":" ENTRY("\"U8\"", "[3]", "[0,3]") ",\"b\":" ENTRY("\"F32\"", "[2]", "[3,11]") ",\"c\":" ENTRY(
            "\"I64\"", "[1]", "[11,19]") ",\"d\":" ENTRY("\"F64\"", "[0]", "[19,19]") "}";
    unsigned char data[19];
    for (int i = 0; i < 19; i++) data[i] = (unsigned char)i;
    for (int spaces = 0; spaces < 8; spaces++) {
        char *padded = xformat("%s%*s", header, spaces, "");
        struct buffer bytes = make(padded, strlen(padded), 19);
        struct safetensors file = {0};
        assert_int_equal(safetensors_parse(&file, bytes.bytes, bytes.size, "FILE"), 0);
        for (size_t i = 0; i < file.count; i++)
            assert_int_equal((uintptr_t)file.tensor[i].data % dtype_size(file.tensor[i].dtype), 0);
        assert_tensor(&file, tensor_of("a", DT_U8, SHAPE(3), data));
        assert_tensor(&file, tensor_of("b", DT_F32, SHAPE(2), data + 3));
        assert_tensor(&file, tensor_of("c", DT_I64, SHAPE(1), data + 11));
        safetensors_close(&file);
        buffer_release(&bytes);
        free(padded);
    }
}

static void a_bad_file_is_named_when_opened(void **state) {
    (void)state;
    const struct {
        const char *name, *bytes, *reason;
    } table[] = {{"missing", NULL, "No such file"},
                 {"empty", "", "0 bytes"},
                 {"short", "1234567", "7 bytes"},
                 {"text", "This is no safetensors file.", "not safetensors"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].bytes)
            assert_int_equal(file_write(in_folder(table[i].name), table[i].bytes, strlen(table[i].bytes)), 0);
        struct safetensors file;
        listen_in();
        int status = safetensors_open(&file, in_folder(table[i].name));
        const char *text = heard();
        assert_int_equal(status, -EXIT_DATA);
        assert_has(text, table[i].name);
        assert_has(text, table[i].reason);
        assert_null(file.tensor);
        assert_null(file.map.bytes);
    }
}

static void assert_not_written(const char *path, const struct tensor *tensor, size_t count, const char *metadata,
                               const char *reason) {
    listen_in();
    int status = safetensors_write(path, tensor, count, &metadata, metadata ? 1 : 0, NULL, NULL);
    const char *text = heard();
    assert_int_equal(status, -EXIT_RUN);
    assert_has(text, path);
    assert_has(text, reason);
    assert_false(file_exists(path));
    char *temporary = xformat("%s.tmp", path);
    assert_false(file_exists(temporary));
    free(temporary);
}

static void what_cannot_be_written_is_reported(void **state) {
    (void)state;
    float values[2] = {1, 2};
    struct tensor twice[] = {tensor_of("a", DT_F32, SHAPE(1), values), tensor_of("a", DT_F32, SHAPE(1), values + 1)};
    struct tensor odd = tensor_of("\xff", DT_F32, SHAPE(1), values);
    assert_not_written(in_folder("no/file"), twice, 1, NULL, "No such file");
    assert_not_written(in_folder("twice"), twice, 2, NULL, "\"a\" is there twice");
    assert_not_written(in_folder("odd"), &odd, 1, NULL, "not UTF-8");
    assert_not_written(in_folder("odd"), twice, 1, "key=\xff", "\"key\" is not UTF-8");
    assert_int_equal(symlink("/dev/full", in_folder("full.tmp")), 0);
    assert_not_written(in_folder("full"), twice, 1, NULL, "No space left");
}

static void metadata_splits_at_the_first_equals(void **state) {
    (void)state;
    const char *const pairs[] = {"equation=a=b", "empty="};
    struct safetensors file;
    assert_int_equal(safetensors_write(in_folder("pairs"), NULL, 0, pairs, 2, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, in_folder("pairs")), 0);
    assert_string_equal(file.metadata, "{\"equation\":\"a=b\",\"empty\":\"\"}");
    safetensors_close(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_bytes_read),
        cmocka_unit_test(the_golden_bytes_are_written),
        cmocka_unit_test(every_type_and_rank_survives),
        cmocka_unit_test(several_write_one_file),
        cmocka_unit_test(a_file_without_tensors_is_one),
        cmocka_unit_test(a_cut_file_is_refused_at_every_length),
        cmocka_unit_test(bytes_behind_the_data_are_refused),
        cmocka_unit_test(a_header_length_that_lies_is_refused),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(a_nul_in_the_header_is_refused),
        cmocka_unit_test(a_deep_header_is_refused),
        cmocka_unit_test(a_long_name_is_refused),
        cmocka_unit_test(what_the_format_leaves_open_is_read),
        cmocka_unit_test(tensors_are_aligned_whatever_the_file),
        cmocka_unit_test(a_bad_file_is_named_when_opened),
        cmocka_unit_test(what_cannot_be_written_is_reported),
        cmocka_unit_test(metadata_splits_at_the_first_equals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
