// What is packed comes out again, and what a peer cannot mean is refused.
#include "../run/run.h"

#include <math.h>

#include "train/protocol.h"

static void a_step_comes_back(void **state) {
    (void)state;
    struct step_order
        order = {.step = 7, .first = 7 * 48, .batch = 48, .microbatches = 6, .steps = 100, .lr = 1e-3, .dump = true},
        found;
    struct message *message = step_pack(&order);
    assert_done(step_unpack(message, &found));
    assert_int_equal(found.step, 7);
    assert_int_equal(found.first, 7 * 48);
    assert_int_equal(found.batch, 48);
    assert_int_equal(found.microbatches, 6);
    assert_int_equal(found.steps, 100);
    assert_true(found.lr == 1e-3 && found.dump && !found.evaluate);
    message_free(&message);
}

static void a_step_that_cannot_be_cut_is_refused(void **state) {
    (void)state;
    const struct step_order orders[] = {
        {.batch = 48, .microbatches = 7}, {.batch = 48, .microbatches = 0}, {.batch = 0, .microbatches = 1}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct step_order found;
        struct message *message = step_pack(&orders[i]);
        assert_refused(EXIT_RUN, "samples in", step_unpack(message, &found));
        message_free(&message);
    }
}

static void a_loss_report_comes_back(void **state) {
    (void)state;
    struct loss_report report = {.name = "caption", .sum = 1.0 / 3, .count = 91}, found;
    struct message *message = report_pack(&report, (struct unit){.step = 3, .microbatch = 2, .samples = 8});
    assert_done(report_unpack(message, &found));
    assert_true(found.sum == report.sum && found.count == 91);
    assert_string_equal(found.name, "caption");
    assert_int_equal(message->unit.microbatch, 2);
    assert_int_equal(message->unit.samples, 8);
    message_free(&message);
}

static void a_norm_carries_what_is_not_finite(void **state) {
    (void)state;
    struct norm_report report = {.squares = NAN, .bad = "visual.proj"}, found;
    struct strings drops = {0};
    strings_add_text(&drops, "{\"id\": 5}");
    struct message *message = norm_pack(&report, 3, &drops);
    assert_done(norm_unpack(message, &found));
    assert_true(isnan(found.squares));
    assert_string_equal(found.bad, "visual.proj");
    assert_string_equal(message_string(message, TENSOR_DROPS, 0), "{\"id\": 5}");
    assert_null(message_string(message, TENSOR_DROPS, 1));
    message_free(&message);
    strings_release(&drops);
}

static void a_scale_comes_back(void **state) {
    (void)state;
    struct scale_order order = {.clip = 0.1, .norm = 10, .last = true, .checkpoint = true}, found;
    struct message *message = scale_pack(&order, 9);
    assert_done(scale_unpack(message, &found));
    assert_true(found.clip == 0.1 && found.norm == 10 && !found.skip && found.last && found.checkpoint);
    message_free(&message);
}

static void files_come_back(void **state) {
    (void)state;
    struct written written = {0}, found;
    *written_add(&written, "text.safetensors") =
        (struct written_file){"text.safetensors", 1LL << 40, 0xfedcba9876543210};
    written_add(&written, "text.ema.safetensors")->size = 3;
    struct message *message = done_pack(&written, 9);
    assert_done(done_unpack(message, &found));
    assert_int_equal(found.count, 2);
    assert_string_equal(found.file[0].name, "text.safetensors");
    assert_true(found.file[0].size == 1LL << 40 && found.file[0].checksum == 0xfedcba9876543210);
    assert_string_equal(found.file[1].name, "text.ema.safetensors");
    message_free(&message);
}

static void done_without_files_comes_back(void **state) {
    (void)state;
    struct written none = {0}, found = {.count = 3};
    struct message *message = done_pack(&none, 9);
    assert_done(done_unpack(message, &found));
    assert_int_equal(found.count, 0);
    message_free(&message);
}

static void a_file_outside_the_checkpoint_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {"../image.safetensors", "", "/etc/passwd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct written written = {0}, found;
        written_add(&written, names[i]);
        struct message *message = done_pack(&written, 9);
        assert_refused(EXIT_RUN, "cannot be", done_unpack(message, &found));
        message_free(&message);
    }
}

static void more_files_than_fit_are_refused(void **state) {
    (void)state;
    enum { MANY = 40 };
    const char *name[MANY];
    struct written found;
    struct message *message = message_tell(WORD_DONE, (struct unit){0});
    memset(message_add(message, "sizes", DT_I64, SHAPE(MANY)), 0, MANY * sizeof(int64_t));
    memset(message_add(message, "checksums", DT_I64, SHAPE(MANY)), 0, MANY * sizeof(int64_t));
    for (int i = 0; i < MANY; i++) name[i] = "image.safetensors";
    message_add_strings(message, "files", name, MANY);
    assert_refused(EXIT_RUN, "cannot be", done_unpack(message, &found));
    message_free(&message);
}

static void a_stop_names_its_signal(void **state) {
    (void)state;
    int found = 0;
    struct message *message = stop_pack(15);
    assert_done(stop_unpack(message, &found));
    assert_int_equal(found, 15);
    message_free(&message);
    message = stop_pack(4000);
    assert_refused(EXIT_RUN, "signal", stop_unpack(message, &found));
    message_free(&message);
}

static void a_message_without_its_fields_is_refused(void **state) {
    (void)state;
    struct message *message = message_tell(WORD_SCALE, (struct unit){0});
    struct scale_order scale;
    struct loss_report loss;
    struct norm_report norm;
    assert_refused(EXIT_RUN, "clip", scale_unpack(message, &scale));
    assert_refused(EXIT_RUN, "sum", report_unpack(message, &loss));
    assert_refused(EXIT_RUN, "squares", norm_unpack(message, &norm));
    message_free(&message);
}

static struct message *with_ids(int64_t first, int count) {
    struct message *message = message_new(MESSAGE_DATA, (struct unit){.step = 4, .microbatch = 1});
    int64_t *ids = message_add(message, TENSOR_IDS, DT_I64, SHAPE(count));
    for (int i = 0; i < count; i++) ids[i] = first + i;
    return message;
}

static void other_samples_are_told_apart(void **state) {
    (void)state;
    struct message *a = with_ids(10, 3), *b = with_ids(10, 3), *other = with_ids(11, 3), *longer = with_ids(10, 4),
                   *none = message_new(MESSAGE_DATA, (struct unit){0});
    assert_int_equal(ids_compare(a, b), 0);
    assert_int_equal(ids_compare(a, none), 0);
    assert_refused(EXIT_RUN, "step 4, microbatch 1", ids_compare(a, other));
    assert_refused(EXIT_RUN, "ids differ", ids_compare(a, longer));
    ids_pass(none, a);
    assert_int_equal(ids_compare(a, none), 0);
    assert_refused(EXIT_RUN, "ids differ", ids_compare(none, other));
    struct message *all[] = {a, b, other, longer, none};
    for (int i = 0; i < 5; i++) message_free(&all[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_comes_back),
        cmocka_unit_test(a_step_that_cannot_be_cut_is_refused),
        cmocka_unit_test(a_loss_report_comes_back),
        cmocka_unit_test(a_norm_carries_what_is_not_finite),
        cmocka_unit_test(a_scale_comes_back),
        cmocka_unit_test(files_come_back),
        cmocka_unit_test(done_without_files_comes_back),
        cmocka_unit_test(a_file_outside_the_checkpoint_is_refused),
        cmocka_unit_test(more_files_than_fit_are_refused),
        cmocka_unit_test(a_stop_names_its_signal),
        cmocka_unit_test(a_message_without_its_fields_is_refused),
        cmocka_unit_test(other_samples_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
