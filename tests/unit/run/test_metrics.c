// Lines that read back to the same bits; logs cut back to a step; dropped samples written once.
#include "run.h"

#include <jansson.h>
#include <math.h>

#include "run/drops.h"
#include "run/metrics.h"
#include "train/protocol.h"

static double number(const json_t *line, const char *key) {
    return json_number_value(json_object_get(line, key));
}

static void numbers_read_back_to_the_same_bits(void **state) {
    (void)state;
    struct metrics metrics = {.step = 3,
                              .samples = 1LL << 50,
                              .loss = 1.0 / 3,
                              .contrastive_loss = nextafter(2.5, 3),
                              .reported = {{"caption", "targets", 5e-324, 91}, {"head", NULL, NAN, 4}},
                              .reported_count = 2,
                              .logit_scale = 1e300,
                              .lr = 0.1f,
                              .grad_norm = 3};
    char *text = metrics_format(&metrics);
    json_t *line = json_loads(text, 0, NULL);
    assert_non_null(line);
    assert_true(number(line, "loss") == metrics.loss);
    assert_true(number(line, "contrastive_loss") == metrics.contrastive_loss);
    assert_true(number(line, "caption_loss") == metrics.reported[0].loss);
    assert_int_equal(json_integer_value(json_object_get(line, "targets")), 91);
    assert_true(json_is_null(json_object_get(line, "head_loss")));
    assert_true(number(line, "logit_scale") == metrics.logit_scale);
    assert_true(number(line, "lr") == metrics.lr);
    assert_true(json_is_real(json_object_get(line, "grad_norm")));
    assert_int_equal(json_integer_value(json_object_get(line, "samples")), metrics.samples);
    assert_null(json_object_get(line, "skipped"));
    assert_null(json_object_get(line, "logit_bias"));
    json_decref(line);
    free(text);
}

static void a_bias_is_said_where_there_is_one(void **state) {
    (void)state;
    struct metrics metrics = {.biased = true, .logit_bias = -9.9};
    char *text = metrics_format(&metrics);
    json_t *line = json_loads(text, 0, NULL);
    assert_true(number(line, "logit_bias") == -9.9);
    json_decref(line);
    free(text);
}

static void what_is_not_finite_is_null(void **state) {
    (void)state;
    struct metrics metrics = {.loss = NAN, .grad_norm = INFINITY, .skipped = true};
    char *text = metrics_format(&metrics);
    json_t *line = json_loads(text, 0, NULL);
    assert_true(json_is_null(json_object_get(line, "loss")));
    assert_true(json_is_null(json_object_get(line, "grad_norm")));
    assert_true(json_is_true(json_object_get(line, "skipped")));
    json_decref(line);
    free(text);
}

static void assert_file(const char *path, const char *wanted) {
    struct buffer text = {0};
    assert_done(file_read(path, 1 << 20, &text));
    assert_string_equal(text.bytes ? text.bytes : "", wanted);
    buffer_release(&text);
}

static void a_log_is_cut_back_to_a_step(void **state) {
    (void)state;
    const char lines[] = "{\"step\": 0}\n{\"step\": 1}\n{\"step\": 2}\n{\"ste";
    assert_done(jsonl_cut("log", 2)); // none is there
    assert_done(file_write("log", lines, strlen(lines)));
    assert_done(jsonl_cut("log", 9));
    assert_file("log", "{\"step\": 0}\n{\"step\": 1}\n{\"step\": 2}\n");
    assert_done(jsonl_cut("log", 2));
    assert_file("log", "{\"step\": 0}\n{\"step\": 1}\n");
    assert_done(jsonl_cut("log", 0));
    assert_file("log", "");
}

static struct message *dropping(const int64_t *ids, int count) {
    const char *line[8];
    struct message *message = message_tell("norm", (struct unit){0});
    for (int i = 0; i < count; i++) line[i] = xformat("{\"id\": %lld, \"reason\": \"cut\"}", (long long)ids[i]);
    message_add_strings(message, TENSOR_DROPS, line, count);
    for (int i = 0; i < count; i++) free((char *)line[i]);
    return message;
}

static void add(struct drops *drops, const int64_t *ids, int count, int64_t step) {
    struct message *message = dropping(ids, count);
    assert_done(drops_add(drops, message, step));
    message_free(&message);
}

static void each_record_is_written_once(void **state) {
    (void)state;
    struct drops *drops;
    assert_done(drops_open(&drops, "drops"));
    add(drops, (int64_t[]){9, 2, 9}, 3, 4);
    add(drops, (int64_t[]){2}, 1, 5);
    drops_close(&drops);
    assert_done(drops_open(&drops, "drops"));
    add(drops, (int64_t[]){2, 1LL << 48 | 2}, 2, 6);
    drops_close(&drops);
    assert_file("drops", "{\"id\": 9, \"reason\": \"cut\", \"step\": 4}\n"
                         "{\"id\": 2, \"reason\": \"cut\", \"step\": 4}\n"
                         "{\"id\": 281474976710658, \"reason\": \"cut\", \"step\": 6}\n");
}

static void too_many_drops_end_the_run(void **state) {
    (void)state;
    struct drops *drops;
    assert_done(drops_open(&drops, "drops"));
    for (int64_t id = 0; id < 12; id++) add(drops, &id, 1, 0);
    assert_done(drops_check(drops, 99, 0.1)); // too few to judge
    assert_done(drops_check(drops, 120, 0.1));
    assert_refused(EXIT_RUN, "--max-drop-rate", drops_check(drops, 110, 0.1));
    drops_close(&drops);
}

static void a_drop_without_its_record_is_refused(void **state) {
    (void)state;
    struct drops *drops;
    const char *line = "{\"reason\": \"cut\"}";
    struct message *message = message_tell("norm", (struct unit){0});
    message_add_strings(message, TENSOR_DROPS, &line, 1);
    assert_done(drops_open(&drops, "drops"));
    assert_refused(EXIT_RUN, "without \"id\"", drops_add(drops, message, 3));
    drops_close(&drops);
    message_free(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(numbers_read_back_to_the_same_bits),   IN_FOLDER(a_bias_is_said_where_there_is_one),
        IN_FOLDER(what_is_not_finite_is_null),           IN_FOLDER(a_log_is_cut_back_to_a_step),
        IN_FOLDER(each_record_is_written_once),          IN_FOLDER(too_many_drops_end_the_run),
        IN_FOLDER(a_drop_without_its_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
