// Tensors written to files and read from them, with the nth call failing.
#include "../base/folder.h"
#include "../faults/faults.h"

#include "base/hash.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"

#define ROWS 3000
static float values[ROWS][3]; // more than a stream's buffer

static void make_values(void) {
    for (int i = 0; i < ROWS * 3; i++) values[i / 3][i % 3] = (float)i / 7;
}

static struct tensor array(void) {
    return (struct tensor){.name = "array", .dtype = DT_F32, .shape = SHAPE(ROWS, 3), .data = values};
}

static bool is_array(const struct tensor *tensor) {
    return tensor && tensor->dtype == DT_F32 && shape_equal(tensor->shape, SHAPE(ROWS, 3)) &&
           !memcmp(tensor->data, values, sizeof values);
}

static void make_old(void) {
    make_values();
    assert_done(file_write("file", "old", 3));
}

static bool is_old(void) {
    struct buffer bytes = {0};
    bool same = !file_read("file", 3, &bytes) && !strcmp(bytes.bytes, "old");
    buffer_release(&bytes);
    return same;
}

// ---- npy

static int write_npy(void) {
    const struct tensor tensor = array();
    return npy_write("file", &tensor);
}

static int read_npy(void) {
    struct tensor tensor;
    struct buffer memory = {0};
    int status = npy_read("file", &tensor, &memory);
    if (!status) status = !is_array(&tensor);
    buffer_release(&memory);
    return status;
}

static bool is_npy(void) {
    return !read_npy();
}

static void make_npy(void) {
    make_values();
    assert_done(write_npy());
}

static void npy_files(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_old, write_npy, is_old, is_npy, "file"});
    assert_survives(&(struct fault_task){make_npy, read_npy, NULL, NULL, "file"});
}

// ---- safetensors

// The second tensor lies askew, and is copied when it is read.
static int write_tensors(void) {
    uint8_t byte = 7;
    const struct tensor tensors[] = {{.name = "byte", .dtype = DT_U8, .shape = SHAPE(1), .data = &byte}, array()};
    uint64_t checksum, actual;
    int64_t size;
    int status = safetensors_write("file", tensors, 2, (const char *[]){"format=pt"}, 1, &checksum, &size);
    if (status) return status;
    return hash_file("file", &actual) ? -EXIT_DATA : actual != checksum;
}

// The same file by two shares.
static int write_shares(void) {
    uint8_t byte = 7;
    struct tensor tensors[] = {{.name = "byte", .dtype = DT_U8, .shape = SHAPE(1), .data = &byte}, array()};
    uint64_t checksum, actual;
    int64_t size;
    struct aside aside;
    int status = safetensors_lay_out(&aside, "file", tensors, 2);
    if (status) return status;
    for (int i = 0; i < 2 && !status; i++) {
        struct tensor own[] = {tensors[0], tensors[1]};
        own[1 - i].data = NULL;
        status = safetensors_fill("file", own, 2);
    }
    if (status) aside_abandon(&aside);
    if (!status) status = safetensors_finish(&aside, "file", &checksum, &size);
    if (status) return status;
    return hash_file("file", &actual) ? -EXIT_DATA : actual != checksum;
}

static bool are_shares(void) {
    struct safetensors file;
    if (safetensors_open(&file, "file")) return false;
    const struct tensor *byte = safetensors_find(&file, "byte");
    bool whole = file.count == 2 && byte && *(uint8_t *)byte->data == 7 && is_array(safetensors_find(&file, "array"));
    safetensors_close(&file);
    return whole;
}

static int read_tensors(void) {
    struct safetensors file;
    int status = safetensors_open(&file, "file");
    if (status) return status;
    bool whole = file.count == 2 && file.metadata && is_array(safetensors_find(&file, "array"));
    safetensors_close(&file);
    return !whole;
}

static bool are_tensors(void) {
    return !read_tensors();
}

static void make_tensors(void) {
    make_values();
    assert_done(write_tensors());
}

static void safetensors_files(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_old, write_tensors, is_old, are_tensors, "file"});
    assert_survives(&(struct fault_task){make_old, write_shares, is_old, are_shares, "file"});
    assert_survives(&(struct fault_task){make_tensors, read_tensors, NULL, NULL, "file"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(npy_files),
        IN_FOLDER(safetensors_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
