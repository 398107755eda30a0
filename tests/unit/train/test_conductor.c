// loss conducts a training run whose followers are played by hand: what it tells each of them, what it makes of what
// they say, and what it leaves in the run directory.
#include "conduct.h"

#include "base/json.h"
#include "run/metrics.h"

// The same scalars beside the run: what a step should make of them.
static struct {
    struct part part;
    struct metrics metrics;
    float d[GATHER_SIDES][G * E];
    double clip;
} expected;

static void begin(const char *more, int images, int texts, int64_t steps) {
    char *model = xformat("%s/parity/narrow_vision/model.json", tests_folder);
    assert_done(file_copy(model, "model.json"));
    assert_done(file_write("tokenizer.model", "words", 5));
    free(model);
    char *words = xformat("--lr-scheduler const --lr 0.01 %s", more); // options said later count
    begin_stage(words, images, texts);
    free(words);
    typed.start.steps = steps;
    assert_done(part_open(&expected.part, &loss_row, &typed));
    assert_done(part_load(&expected.part, true));
}

static void end(void) {
    part_close(&expected.part);
    end_stage();
    directory_remove("checkpoints");
    directory_remove("model");
    unlink("metrics.jsonl");
}

static int leave(void **state) {
    if (expected.part.ops) part_close(&expected.part);
    return leave_stage(state);
}

#define RUNNING(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave)

// ---- what a step should be

static void expect_contrast(int64_t step) {
    static float row[GATHER_SIDES][G * E];
    struct contrastive *contrastive = contrastive_new(expected.part.ops, CONTRASTIVE_SOFTMAX, G, E);
    const struct contrastive_scalars scalars = scalars_read(&expected.part);
    for (int side = 0; side < GATHER_SIDES; side++)
        for (int64_t i = 0; i < G * E; i++) row[side][i] = value(side, step * G + i / E, i % E);
    const struct contrastive_result result =
        contrastive_run(contrastive, row[0], row[1], scalars, 1, CONTRASTIVE_MEAN, expected.d[0], expected.d[1]);
    contrastive_free(&contrastive);
    scalars_set_gradient(&expected.part, &result);
    expected.metrics.contrastive_loss = result.loss;
}

static void expect_caption(int64_t step) {
    double sum = 0;
    int64_t count = 0;
    for (int m = 0; m < M; m++) {
        const struct loss_report report = caption_of((struct unit){step, m, step * G + m * B, B});
        sum += report.sum;
        count += report.count;
    }
    expected.metrics.reported[0] = (struct metrics_loss){"caption", "targets", sum / (double)count, count};
    expected.metrics.reported_count = 1;
}

// The metrics of the step and the gradients of its embeddings; then the scalars take the step.
static void expect_step(int64_t step, double lr) {
    double squares = 0;
    expected.metrics = (struct metrics){.step = step, .samples = (step + 1) * G, .lr = lr};
    expected.metrics.contrastive_loss = (double)NAN;
    expected.metrics.logit_scale = exp(scalars_read(&expected.part).logit_scale);
    params_zero_gradient(expected.part.params);
    if (stage.conductor.embeddings) expect_contrast(step);
    expect_caption(step);
    expected.metrics.loss = stage.conductor.embeddings ? expected.metrics.contrastive_loss : 0;
    expected.metrics.loss += 2 * expected.metrics.reported[0].loss;
    for (int i = 0; i < play.topology.followers; i++) squares += squares_of(i, step);
    squares += part_gradient_squares(&expected.part);
    expected.metrics.grad_norm = sqrt(squares);
    expected.metrics.skipped = !isfinite(squares);
    const double limit = typed.options.clip_norm;
    expected.clip = limit > 0 ? fmin(1, limit / (expected.metrics.grad_norm + 1e-6)) : 1;
    if (!expected.metrics.skipped) scalars_step(&expected.part, lr, expected.clip);
}

// Line `step` of metrics.jsonl, but for the rate.
static void assert_metrics(int64_t step) {
    struct buffer text = {0};
    char *line = NULL, *rest;
    assert_done(file_read("metrics.jsonl", 1 << 16, &text));
    rest = text.bytes;
    for (int64_t i = 0; i <= step; i++) line = strtok_r(rest, "\n", &rest);
    assert_non_null(line);
    json_t *found = json_loads(line, 0, NULL);
    assert_true(json_real_value(json_object_get(found, "samples_per_second")) > 0);
    char *text_expected = metrics_format(&expected.metrics);
    json_t *wanted = json_loads(text_expected, 0, NULL);
    json_object_del(found, "samples_per_second");
    json_object_del(wanted, "samples_per_second");
    if (!json_equal(found, wanted)) fail_msg("%s and not %s", line, text_expected);
    json_decref(found);
    json_decref(wanted);
    free(text_expected);
    buffer_release(&text);
}

// ---- what each follower was told

static void hear_order(const struct actor *actor, int64_t step, double lr) {
    struct step_order order;
    struct message *message = hear(actor, "control", wanted_word(WORD_STEP, LOSS, step, 0));
    assert_done(step_unpack(message, &order));
    assert_true(order.first == step * G && order.batch == G && order.microbatches == M && order.lr == lr);
    assert_true(!order.evaluate && !order.dump && order.steps == typed.start.steps);
    message_free(&message);
}

static void hear_scale(const struct actor *actor, int64_t step, bool last, bool checkpoint) {
    struct scale_order scale;
    struct message *message = hear(actor, "control", wanted_word(WORD_SCALE, LOSS, step, 0));
    assert_done(scale_unpack(message, &scale));
    assert_true(scale.clip == expected.clip || expected.metrics.skipped);
    assert_true(scale.norm == expected.metrics.grad_norm || expected.metrics.skipped);
    assert_true(scale.skip == expected.metrics.skipped);
    assert_true(scale.last == last && scale.checkpoint == checkpoint);
    message_free(&message);
}

static void hear_gradients(int side, const struct actor *actor, int64_t step) {
    for (int m = 0; m < M; m++) {
        const void *rows;
        if (!stage.conductor.embeddings || owner(side, m) != actor) continue;
        struct message *message = hear(actor, "embeddings-grad", wanted_data(LOSS, step, m));
        assert_done(message_tensor(message, TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, E), &rows));
        assert_memory_equal(rows, expected.d[side] + m * B * E, B * E * sizeof(float));
        message_free(&message);
    }
}

static void hear_step(int64_t step, double lr, bool last, bool checkpoint) {
    expect_step(step, lr);
    for (int i = 0; i < play.topology.followers; i++) {
        const struct address who = play.topology.follower[i];
        const struct actor *actor = actor_of(who.role, who.rank);
        hear_order(actor, step, lr);
        hear_gradients(strcmp(who.role, ROLE_TEXT) ? GATHER_IMAGE : GATHER_TEXT, actor, step);
        hear_scale(actor, step, last, checkpoint);
    }
    assert_metrics(step);
}

static void hear_ends(void) {
    for (int i = 0; i < play.topology.followers; i++) {
        const struct address who = play.topology.follower[i];
        hear_end(actor_of(who.role, who.rank), "control", LOSS);
        if (stage.conductor.embeddings) hear_end(actor_of(who.role, who.rank), "embeddings-grad", LOSS);
    }
}

// ---- runs

static void a_run(const char *more, int images, int texts) {
    begin(more, images, texts, 3);
    for (int64_t step = 0; step < 3; step++) say_step(step);
    say_done(2, true);
    assert_done(conductor_train(&stage.conductor));
    for (int64_t step = 0; step < 3; step++) hear_step(step, 0.01, step == 2, step == 2);
    hear_ends();
}

static void each_step_is_told_and_written_down(void **state) {
    (void)state;
    struct checkpoint checkpoint;
    a_run("", 1, 1);
    assert_done(checkpoint_read(&checkpoint, "checkpoints/step-3"));
    assert_int_equal(checkpoint.step, 3);
    assert_int_equal(checkpoint.samples, 3 * G);
    static const char *const prefixes[] = {"image.", "text.", "loss."};
    assert_int_equal(checkpoint.written.count, 6);
    for (int i = 0; i < 3; i++) assert_done(checkpoint_verify(&checkpoint, "checkpoints/step-3", prefixes[i]));
    assert_true(file_exists("model/open_clip_model.safetensors"));
    assert_true(file_exists("model/tokenizer.model"));
}

// Embeddings of several ranks make the same losses, and each rank hears every word and its own gradients.
static void ranks_are_told_all_and_given_their_own(void **state) {
    (void)state;
    static const int ranks[][2] = {{2, 2}, {1, 2}, {4, 1}};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        a_run("--grad-clip-norm 0.5", ranks[i][0], ranks[i][1]);
        end();
    }
}

static void gradients_are_clipped_together(void **state) {
    (void)state;
    a_run("--grad-clip-norm 0.5", 1, 1);
    assert_true(expected.clip < 0.5);
    end();
    a_run("--grad-clip-norm 1e6", 1, 1);
    assert_true(expected.clip == 1);
}

static void a_run_may_have_captions_alone(void **state) {
    (void)state;
    a_run("--coca-contrastive-loss-weight 0", 2, 2);
}

// Two of them, but not in a row.
static void a_step_that_is_not_finite_is_skipped(void **state) {
    (void)state;
    stage.bad = "visual.proj";
    stage.bad_steps = 1 << 1 | 1 << 3;
    begin("--max-skipped 2", 2, 1, 5);
    for (int64_t step = 0; step < 5; step++) say_step(step);
    say_done(4, true);
    listen_in();
    int status = conductor_train(&stage.conductor);
    const char *said = heard();
    assert_int_equal(status, 0);
    assert_has(said, "step 1 is skipped: visual.proj is not finite (contrastive ");
    assert_has(said, "step 3 is skipped: visual.proj is not finite (contrastive ");
    for (int64_t step = 0; step < 5; step++) hear_step(step, 0.01, step == 4, step == 4);
    hear_ends();
}

static void too_many_skipped_steps_in_a_row_end_the_run(void **state) {
    (void)state;
    stage.bad = "visual.proj";
    stage.bad_steps = 1 << 1 | 1 << 3 | 1 << 4;
    begin("--max-skipped 2", 1, 1, 9);
    for (int64_t step = 0; step < 5; step++) say_step(step);
    assert_refused(EXIT_RUN, "2 steps in a row were not finite (--max-skipped)", conductor_train(&stage.conductor));
}

static void the_learning_rate_follows_the_schedule(void **state) {
    (void)state;
    begin("--warmup 2 --lr-scheduler linear", 1, 1, 4);
    for (int64_t step = 0; step < 4; step++) say_step(step);
    say_done(3, true);
    assert_done(conductor_train(&stage.conductor));
    static const double lr[] = {0.005, 0.01, 0.01, 0.005};
    for (int64_t step = 0; step < 4; step++) hear_step(step, lr[step], step == 3, step == 3);
}

// ---- checkpoints

static void checkpoints_are_due_as_often_as_is_said(void **state) {
    (void)state;
    begin("--save-frequency 2 --keep 2", 1, 1, 5);
    for (int64_t step = 0; step < 5; step++) {
        say_step(step);
        if (step % 2 || step == 4) say_done(step, true);
    }
    assert_done(conductor_train(&stage.conductor));
    for (int64_t step = 0; step < 5; step++) hear_step(step, 0.01, step == 4, step % 2 == 1 || step == 4);
    assert_false(file_exists("checkpoints/step-2/manifest.json")); // two are kept
    assert_true(file_exists("checkpoints/step-4/manifest.json"));
    assert_true(file_exists("checkpoints/step-5/manifest.json"));
}

static void a_run_goes_on_from_its_checkpoint(void **state) {
    (void)state;
    begin("", 1, 1, 2);
    for (int64_t step = 0; step < 2; step++) say_step(step);
    say_done(1, true);
    assert_done(conductor_train(&stage.conductor));
    for (int64_t step = 0; step < 2; step++) expect_step(step, 0.01);
    part_close(&stage.part);
    end_play();
    begin_stage("--lr-scheduler const --lr 0.01", 2, 1);
    strcpy(typed.start.checkpoint, "checkpoints/step-2");
    typed.start.steps = 3;
    part_close(&stage.part);
    assert_done(part_open(&stage.part, &loss_row, &typed));
    assert_done(part_load(&stage.part, true));
    say_step(2);
    say_done(2, true);
    assert_done(conductor_train(&stage.conductor));
    hear_step(2, 0.01, true, true);
    hear_ends();
}

static void nothing_may_be_left_to_do(void **state) {
    (void)state;
    begin("", 1, 1, 2);
    for (int64_t step = 0; step < 2; step++) say_step(step);
    say_done(1, true);
    assert_done(conductor_train(&stage.conductor));
    end_play();
    part_close(&stage.part);
    begin_stage("", 1, 1);
    strcpy(typed.start.checkpoint, "checkpoints/step-2");
    typed.start.steps = 2;
    listen_in();
    int status = conductor_train(&stage.conductor);
    assert_has(heard(), "nothing is left to do");
    assert_int_equal(status, 0);
    hear_ends();
}

// ---- a clean end that was asked for

static void a_stop_makes_the_step_the_last(void **state) {
    (void)state;
    begin("", 2, 1, 9);
    say(actor_of(ROLE_IMAGE, 1), "control", LOSS, stop_pack(SIGTERM));
    say_step(0);
    say_done(0, true);
    assert_done(conductor_train(&stage.conductor));
    hear_step(0, 0.01, true, true);
    hear_ends();
    assert_true(file_exists("checkpoints/step-1/manifest.json"));
    assert_false(file_exists("model/open_clip_model.safetensors")); // the run is not over
}

// ---- what cannot be

static void a_follower_that_ends_ends_the_run(void **state) {
    (void)state;
    begin("", 1, 1, 9);
    say_step(0);
    say_end(actor_of(ROLE_TEXT, 0), "control");
    assert_refused(EXIT_PEER, "edge control: text-decode 0 is not there", conductor_train(&stage.conductor));
}

static void files_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct written written = {.count = 1, .file = {{"../image.safetensors", 1, 1}}};
    begin("", 1, 1, 1);
    say_step(0);
    say(actor_of(ROLE_IMAGE, 0), "control", LOSS, done_pack(&written, 0));
    assert_refused(EXIT_RUN, "image-encode: step 0 was done with files that cannot be",
                   conductor_train(&stage.conductor));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RUNNING(each_step_is_told_and_written_down),     RUNNING(ranks_are_told_all_and_given_their_own),
        RUNNING(gradients_are_clipped_together),         RUNNING(a_run_may_have_captions_alone),
        RUNNING(a_step_that_is_not_finite_is_skipped),   RUNNING(too_many_skipped_steps_in_a_row_end_the_run),
        RUNNING(the_learning_rate_follows_the_schedule), RUNNING(checkpoints_are_due_as_often_as_is_said),
        RUNNING(a_run_goes_on_from_its_checkpoint),      RUNNING(nothing_may_be_left_to_do),
        RUNNING(a_stop_makes_the_step_the_last),         RUNNING(a_follower_that_ends_ends_the_run),
        RUNNING(files_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
