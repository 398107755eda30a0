// Files of several stages, and of several ranks of one, as one file.
#include "../base/folder.h"

#include "tensor/safetensors_join.h"

static void write_rows(const char *path, const char *name, int64_t rows, float first) {
    float value[8];
    for (int i = 0; i < 2 * rows; i++) value[i] = first + (float)i;
    struct tensor tensor = {.dtype = DT_F32, .shape = SHAPE(rows, 2), .data = value};
    strcpy(tensor.name, name);
    assert_done(safetensors_write(path, &tensor, 1, NULL, 0, NULL, NULL));
}

static struct strings paths_of(const char *a, const char *b, const char *c) {
    struct strings paths = {0};
    const char *const path[] = {a, b, c};
    for (int i = 0; i < 3 && path[i]; i++) strings_add_text(&paths, path[i]);
    return paths;
}

static void tensors_stand_in_the_order_of_the_files(void **state) {
    (void)state;
    struct safetensors joined;
    write_rows("a", "one", 2, 1);
    write_rows("b", "two", 1, 9);
    struct strings paths = paths_of("a", "b", NULL);
    assert_done(safetensors_join("all", &paths, NULL, (const char *const[]){"format=pt"}, 1));
    assert_done(safetensors_open(&joined, "all"));
    assert_int_equal(joined.count, 2);
    assert_string_equal(joined.tensor[0].name, "one");
    assert_string_equal(joined.tensor[1].name, "two");
    assert_has(joined.metadata, "pt");
    safetensors_close(&joined);
    strings_release(&paths);
}

static void tensors_stand_in_an_order_that_is_asked_for(void **state) {
    (void)state;
    static const char *const asked[] = {"three", "missing", "one"}, *const found[] = {"three", "one", "two"};
    struct safetensors joined;
    struct strings order = {0};
    write_rows("a", "one", 2, 1);
    write_rows("b", "two", 1, 9);
    write_rows("c", "three", 1, 20);
    for (int i = 0; i < 3; i++) strings_add_text(&order, asked[i]);
    struct strings paths = paths_of("a", "b", "c");
    assert_done(safetensors_join("all", &paths, &order, NULL, 0));
    assert_done(safetensors_open(&joined, "all"));
    assert_int_equal(joined.count, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(joined.tensor[i].name, found[i]);
    assert_true(((const float *)joined.tensor[1].data)[3] == 4);
    safetensors_close(&joined);
    strings_release(&order);
    strings_release(&paths);
}

static void rows_of_one_name_follow_each_other(void **state) {
    (void)state;
    struct safetensors joined;
    write_rows("rank-0", "rows", 2, 0);
    write_rows("other", "between", 1, 50);
    write_rows("rank-1", "rows", 1, 4);
    struct strings paths = paths_of("rank-0", "other", "rank-1");
    assert_done(safetensors_join("all", &paths, NULL, NULL, 0));
    assert_done(safetensors_open(&joined, "all"));
    assert_int_equal(joined.count, 2);
    const struct tensor *rows = safetensors_find(&joined, "rows");
    assert_true(shape_equal(rows->shape, SHAPE(3, 2)));
    for (int i = 0; i < 6; i++) assert_true(((const float *)rows->data)[i] == (float)i);
    safetensors_close(&joined);
    strings_release(&paths);
}

static void what_does_not_agree_is_refused(void **state) {
    (void)state;
    const int64_t number = 1;
    const struct tensor other = {
        .name = "rows", .dtype = DT_I64, .shape = SHAPE(1), .data = (void *)(uintptr_t)&number};
    write_rows("a", "rows", 2, 1);
    assert_done(safetensors_write("b", &other, 1, NULL, 0, NULL, NULL));
    struct strings paths = paths_of("a", "b", NULL), missing = paths_of("a", "none", NULL);
    assert_refused(EXIT_DATA, "b: rows has another type", safetensors_join("all", &paths, NULL, NULL, 0));
    assert_refused(EXIT_DATA, "none", safetensors_join("all", &missing, NULL, NULL, 0));
    assert_int_equal(access("all", F_OK), -1);
    strings_release(&paths);
    strings_release(&missing);
}

// Of nothing there may be any number of rows; two such numbers need not have a sum.
static void rows_that_cannot_be_counted_are_refused(void **state) {
    (void)state;
    char none[1];
    const struct tensor nothing = {.name = "rows", .dtype = DT_F32, .shape = SHAPE((int64_t)1 << 60, 0), .data = none};
    struct tensor more = nothing;
    more.shape.dim[0] = INT64_MAX / 4 - 1;
    assert_done(safetensors_write("a", &nothing, 1, NULL, 0, NULL, NULL));
    assert_done(safetensors_write("b", &more, 1, NULL, 0, NULL, NULL));
    struct strings paths = paths_of("a", "b", NULL);
    assert_refused(EXIT_DATA, "more rows together", safetensors_join("all", &paths, NULL, NULL, 0));
    strings_release(&paths);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(tensors_stand_in_the_order_of_the_files), IN_FOLDER(tensors_stand_in_an_order_that_is_asked_for),
        IN_FOLDER(rows_of_one_name_follow_each_other),      IN_FOLDER(what_does_not_agree_is_refused),
        IN_FOLDER(rows_that_cannot_be_counted_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
