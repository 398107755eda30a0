#include "../base/support.h"

#include "tensor/npy.h"

// The header as numpy writes it, padded to 128 bytes with all that stands before it.
static struct buffer make(const char *header, const void *data, size_t size) {
    struct buffer bytes = {0};
    buffer_append(&bytes, "\x93NUMPY\x01\x00", 8);
    buffer_append(&bytes, (char[]){118, 0}, 2);
    buffer_format(&bytes, "%-117s\n", header);
    buffer_append(&bytes, data, size);
    return bytes;
}

static void assert_written(struct tensor tensor, const char *header, const void *data, size_t size) {
    struct buffer want = make(header, data, size), file = {0};
    assert_int_equal(npy_write(in_folder("array.npy"), &tensor), 0);
    assert_int_equal(file_read(in_folder("array.npy"), 1 << 20, &file), 0);
    assert_int_equal(file.size, want.size);
    assert_memory_equal(file.bytes, want.bytes, want.size);
    buffer_release(&file);
    buffer_release(&want);
}

// Byte for byte what numpy 2 saves.
static void arrays_are_written_as_numpy_does(void **state) {
    (void)state;
    float f32[6] = {0, 0.5, 1, 1.5, 2, 2.5};
    int64_t i64[2] = {1, -2};
    uint8_t u8 = 7;
    assert_written((struct tensor){.dtype = DT_F32, .shape = SHAPE(2, 3), .data = f32},
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", f32, sizeof f32);
    assert_written((struct tensor){.dtype = DT_I64, .shape = SHAPE(2), .data = i64},
                   "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", i64, sizeof i64);
    assert_written((struct tensor){.dtype = DT_U8, .shape = shape_of(0, NULL), .data = &u8},
                   "{'descr': '|u1', 'fortran_order': False, 'shape': (), }", &u8, 1);
    assert_written((struct tensor){.dtype = DT_F32, .shape = SHAPE(0, 3)},
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "", 0);
}

static void bf16_is_written_as_f32(void **state) {
    (void)state;
    enum { COUNT = 2500 };
    static uint16_t bf16[COUNT];
    static float f32[COUNT];
    for (int i = 0; i < COUNT; i++) {
        bf16[i] = (uint16_t)(i * 13);
        f32[i] = bf16_to_f32(bf16[i]);
    }
    assert_written((struct tensor){.dtype = DT_BF16, .shape = SHAPE(50, 50), .data = bf16},
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (50, 50), }", f32, sizeof f32);
}

static void the_data_begin_at_a_multiple_of_64(void **state) {
    (void)state;
    const int64_t most[TENSOR_DIMS] = {1000000000000, 0, 1000000, 1, 1, 1};
    float one = 1;
    struct tensor tensor = {.dtype = DT_F32, .shape = shape_of(TENSOR_DIMS, most)};
    struct buffer file = {0};
    for (; tensor.shape.rank >= 0; tensor.shape.rank--) {
        if (tensor.shape.rank == 1) tensor.shape.dim[0] = 0;
        if (tensor.shape.rank == 0) tensor.data = &one;
        assert_int_equal(npy_write(in_folder("array.npy"), &tensor), 0);
        buffer_clear(&file);
        assert_int_equal(file_read(in_folder("array.npy"), 1000, &file), 0);
        assert_int_equal((file.size - (size_t)tensor_bytes(&tensor)) % 64, 0);
    }
    buffer_release(&file);
}

static void every_type_reads_back(void **state) {
    (void)state;
    double data[12];
    for (int i = 0; i < 12; i++) data[i] = 0.3 * i - 1;
    for (int type = 0; type < DTYPE_COUNT; type++) {
        if (!dtype_numpy((enum dtype)type)) continue;
        struct tensor tensor = {.dtype = (enum dtype)type, .shape = SHAPE(3, 1, 4), .data = data}, read;
        struct buffer memory = {0};
        assert_int_equal(npy_write(in_folder("array.npy"), &tensor), 0);
        assert_int_equal(npy_read(in_folder("array.npy"), &read, &memory), 0);
        assert_int_equal(read.dtype, type);
        assert_true(shape_equal(read.shape, tensor.shape));
        assert_int_equal((uintptr_t)read.data % 8, 0);
        assert_memory_equal(read.data, data, tensor_bytes(&tensor));
        buffer_release(&memory);
    }
}

static int read_bytes(const void *bytes, size_t size, struct tensor *tensor, struct buffer *memory, const char **said) {
    if (file_write(in_folder("given.npy"), bytes, size)) abort();
    listen_in();
    int status = npy_read(in_folder("given.npy"), tensor, memory);
    *said = heard();
    return status;
}

static void assert_refused(const void *bytes, size_t size, const char *reason) {
    struct tensor tensor;
    struct buffer memory = {0};
    const char *said;
    int status = read_bytes(bytes, size, &tensor, &memory, &said);
    buffer_release(&memory);
    if (status != -EXIT_DATA) fail_msg("%d, \"%s\", where \"%s\" was due", status, said, reason);
    assert_has(said, "given.npy");
    assert_has(said, reason);
}

static void other_writings_of_a_header_are_read(void **state) {
    (void)state;
    const struct {
        const char *header, *shape;
    } table[] = {
        {"{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}", "[2,3]"},
        {"{'descr':'<f4','fortran_order':False,'shape':(2,3)}", "[2,3]"},
        {"{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 6 , ) , }", "[6]"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2, 1, 3, 1), }", "[1,1,2,1,3,1]"},
    };
    const float data[6] = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buffer bytes = make(table[i].header, data, sizeof data), memory = {0};
        struct tensor tensor;
        const char *said;
        assert_int_equal(read_bytes(bytes.bytes, bytes.size, &tensor, &memory, &said), 0);
        char shape[SHAPE_TEXT];
        assert_string_equal(shape_format(tensor.shape, shape), table[i].shape);
        assert_memory_equal(tensor.data, data, sizeof data);
        buffer_release(&memory);
        buffer_release(&bytes);
    }
}

static void a_short_header_still_aligns_the_data(void **state) {
    (void)state;
    const char text[] = "{'descr':'<f8','fortran_order':False,'shape':(1,)}";
    const double value = 0.1;
    for (size_t spaces = 0; spaces < 8; spaces++) {
        struct buffer bytes = {0}, memory = {0};
        struct tensor tensor;
        const char *said;
        buffer_append(&bytes, "\x93NUMPY\x01\x00", 8);
        buffer_append(&bytes, (char[]){(char)(sizeof text - 1 + spaces), 0}, 2);
        buffer_format(&bytes, "%s%*s", text, (int)spaces, "");
        buffer_append(&bytes, &value, sizeof value);
        assert_int_equal(read_bytes(bytes.bytes, bytes.size, &tensor, &memory, &said), 0);
        assert_int_equal((uintptr_t)tensor.data % sizeof value, 0);
        assert_memory_equal(tensor.data, &value, sizeof value);
        buffer_release(&memory);
        buffer_release(&bytes);
    }
}

#define HEADER(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void a_header_that_lies_is_refused(void **state) {
    (void)state;
    const char *const unknown = "no dtype and shape known here", *const size = "do not fit its shape";
    const struct {
        const char *header, *reason;
    } table[] = {
        {HEADER("'>f4'", "False", "(2,)"), unknown},
        {HEADER("'f32'", "False", "(2,)"), unknown},
        {HEADER("'BF16'", "False", "(2,)"), unknown},
        {HEADER("'<c8'", "False", "(2,)"), unknown},
        {HEADER("'a name that is very long'", "False", "(2,)"), unknown},
        {HEADER("[('x', '<f4')]", "False", "(2,)"), unknown},
        {HEADER("'<f4", "False", "(2,)"), unknown},
        {HEADER("'<f4'", "True", "(2,)"), unknown},
        {HEADER("'<f4'", "0", "(2,)"), unknown},
        {HEADER("'<f4'", "False", "2"), unknown},
        {HEADER("'<f4'", "False", "[2]"), unknown},
        {HEADER("'<f4'", "False", "(2"), unknown},
        {HEADER("'<f4'", "False", "(2 1)"), unknown},
        {HEADER("'<f4'", "False", "(,2)"), unknown},
        {HEADER("'<f4'", "False", "(-2,)"), unknown},
        {HEADER("'<f4'", "False", "(2.0,)"), unknown},
        {HEADER("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 2)"), unknown},
        {HEADER("'<f4'", "False", "(1,)"), size},
        {HEADER("'<f4'", "False", "(3,)"), size},
        {HEADER("'<f4'", "False", "()"), size},
        {HEADER("'<f4'", "False", "(0,)"), size},
        {HEADER("'<f4'", "False", "(4611686018427387906,)"), size},
        {HEADER("'<f4'", "False", "(99999999999999999999,)"), size},
        {HEADER("'<f4'", "False", "(4294967296, 4294967296)"), size},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", unknown},
        {"{'descr': '<f4', 'fortran_order': False}", unknown},
        {"{'fortran_order': False, 'shape': (2,)}", unknown},
        {"{'descr': '<f4', 'shape': (2,)}", unknown},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", unknown},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", unknown},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", unknown},
        {"'descr': '<f4', 'fortran_order': False, 'shape': (2,)", unknown},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", unknown},
        {"", unknown},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buffer bytes = make(table[i].header, "12345678", 8);
        assert_refused(bytes.bytes, bytes.size, table[i].reason);
        buffer_release(&bytes);
    }
}

static void a_cut_file_is_refused_at_every_length(void **state) {
    (void)state;
    struct buffer bytes = make(HEADER("'<f4'", "False", "(2,)"), "12345678", 8);
    for (size_t size = 0; size < bytes.size; size++) assert_refused(bytes.bytes, size, "");
    struct buffer longer = make(HEADER("'<f4'", "False", "(2,)"), "123456789", 9);
    assert_refused(longer.bytes, longer.size, "9 bytes of data do not fit");
    buffer_release(&bytes);
    buffer_release(&longer);
}

static void another_magic_or_version_is_refused(void **state) {
    (void)state;
    struct buffer bytes = make(HEADER("'<f4'", "False", "(2,)"), "12345678", 8);
    for (int at = 0; at < 8; at++) {
        bytes.bytes[at] ^= 2;
        assert_refused(bytes.bytes, bytes.size, "not an npy file of version 1.0");
        bytes.bytes[at] ^= 2;
    }
    bytes.bytes[9] = 1; // a header of 374 bytes
    assert_refused(bytes.bytes, bytes.size, "cut short in the header");
    bytes.bytes[9] = 0;
    bytes.bytes[30] = 0;
    assert_refused(bytes.bytes, bytes.size, "no dtype and shape");
    buffer_release(&bytes);
}

static void an_unreadable_or_unwritable_place_is_named(void **state) {
    (void)state;
    struct tensor tensor = {.dtype = DT_U8, .shape = SHAPE(1), .data = &(uint8_t){1}};
    struct buffer memory = {0};
    listen_in();
    int written = npy_write(in_folder("no/array.npy"), &tensor),
        read = npy_read(in_folder("gone.npy"), &tensor, &memory);
    const char *text = heard();
    assert_int_equal(written, -EXIT_RUN);
    assert_int_equal(read, -EXIT_DATA);
    assert_has(text, "no/array.npy");
    assert_has(text, "gone.npy");
    buffer_release(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_written_as_numpy_does),
        cmocka_unit_test(bf16_is_written_as_f32),
        cmocka_unit_test(the_data_begin_at_a_multiple_of_64),
        cmocka_unit_test(every_type_reads_back),
        cmocka_unit_test(other_writings_of_a_header_are_read),
        cmocka_unit_test(a_short_header_still_aligns_the_data),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(a_cut_file_is_refused_at_every_length),
        cmocka_unit_test(another_magic_or_version_is_refused),
        cmocka_unit_test(an_unreadable_or_unwritable_place_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
