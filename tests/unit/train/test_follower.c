// A follower under a conductor that is played by hand: what its phases are given and when, what it says and to whom,
// and what becomes of its gradients.
#include "phases.h"

#include <math.h>

#include "run/checkpoint.h"

#define LOSS ((struct address){ROLE_LOSS, 0})
#define IMAGE ((struct address){ROLE_IMAGE, 0})
#define TEXT ((struct address){ROLE_TEXT, 0})

static struct actor *image, *text, *loss;

// image-encode alone of its stage, with steps of two microbatches of two samples and so many recorded units.
static void begin(const char *more, int units) {
    char *words = xformat("--batch-size 4 --microbatch 2 --images file:images.rec %s", more);
    type_play(words);
    record_units("images.rec", units, 2);
    load_part(&image_row, !typed.options.evaluate);
    image = begin_play(ROLE_IMAGE, 0);
    text = actor_of(ROLE_TEXT, 0);
    loss = actor_of(ROLE_LOSS, 0);
    free(words);
}

static void order(struct step_order order) {
    order.batch = 4;
    order.microbatches = 2;
    order.first = 4 * order.step;
    say(loss, "control", IMAGE, step_pack(&order));
}

// What comes for the backward passes of a step.
static void give_gradients(int64_t step) {
    for (int m = 0; m < 2; m++) {
        say_data(text, "features-grad", IMAGE, step, m);
        say_data(loss, "embeddings-grad", IMAGE, step, m);
    }
}

static void scale(int64_t step, struct scale_order scale) {
    say(loss, "control", IMAGE, scale_pack(&scale, step));
}

// A step that trains, from its order to what becomes of its gradients.
static void say_step(int64_t step, struct scale_order what) {
    order((struct step_order){.step = step, .lr = 0.1});
    give_gradients(step);
    scale(step, what);
}

static int follow(void) {
    struct follower follower = new_follower(image->hub, &image->edges);
    return follower_run(&follower);
}

// Control ends when loss has got what it is waiting for last.
static struct {
    const char *edge;
    struct wanted wanted;
} last;

static void end_control(void) {
    if (edge_ready(edge_of(loss, last.edge), last.wanted)) say_end(loss, "control");
}

static void follow_until(const char *edge, struct wanted wanted) {
    last.edge = edge;
    last.wanted = wanted;
    play.meanwhile = end_control;
    assert_done(follow());
    say_all_ends(image);
}

static void follow_until_word(const char *word, int64_t step) {
    follow_until("control", wanted_word(word, IMAGE, step, 0));
}

static void hear_outputs(int64_t step) {
    for (int m = 0; m < 2; m++) {
        hear_data(text, "features", IMAGE, step, m);
        hear_data(loss, "embeddings", IMAGE, step, m);
    }
}

static struct norm_report hear_norm(int64_t step) {
    struct norm_report report;
    struct message *message = hear(loss, "control", wanted_word(WORD_NORM, IMAGE, step, 0));
    assert_done(norm_unpack(message, &report));
    message_free(&message);
    return report;
}

static struct written hear_done(int64_t step) {
    struct written written;
    struct message *message = hear(loss, "control", wanted_word(WORD_DONE, IMAGE, step, 0));
    assert_done(done_unpack(message, &written));
    message_free(&message);
    return written;
}

static void nothing_more_was_said(void) {
    hear_end(text, "features", IMAGE);
    hear_end(loss, "embeddings", IMAGE);
    hear_end(loss, "control", IMAGE);
}

// ---- passes

static void a_step_is_every_phase_over_every_microbatch(void **state) {
    (void)state;
    begin("", 4);
    fake.gradient = 1.5;
    say_step(0, (struct scale_order){.clip = 1});
    say_step(1, (struct scale_order){.clip = 1});
    follow_until_word(WORD_NORM, 1);
    assert_diary("step 0, 2 own of 2\n"
                 "forward 0/0 in 0 of 2: 0/0 of decode 0 (2)\n"
                 "forward 0/1 in 1 of 2: 0/1 of decode 0 (2)\n"
                 "backward 0/0 in 0 of 2: 0/0 of text-decode 0 (2) 0/0 of loss 0 (2)\n"
                 "backward 0/1 in 1 of 2: 0/1 of text-decode 0 (2) 0/1 of loss 0 (2)\n"
                 "step 1, 2 own of 2\n"
                 "forward 1/0 in 0 of 2: 1/0 of decode 0 (2)\n"
                 "forward 1/1 in 1 of 2: 1/1 of decode 0 (2)\n"
                 "backward 1/0 in 0 of 2: 1/0 of text-decode 0 (2) 1/0 of loss 0 (2)\n"
                 "backward 1/1 in 1 of 2: 1/1 of text-decode 0 (2) 1/1 of loss 0 (2)\n");
    for (int64_t step = 0; step < 2; step++) {
        hear_outputs(step);
        assert_true(hear_norm(step).squares == 9); // gradients begin anew in each step
    }
    nothing_more_was_said();
}

static void without_gradients_backward_is_left_out_and_the_end_is_open(void **state) {
    (void)state;
    begin("--evaluate", 3);
    for (int64_t step = 0; step < 3; step++) order((struct step_order){.step = step, .evaluate = true});
    follow_until("embeddings", wanted_data(IMAGE, 2, 1));
    assert_diary("step 0, 2 own of 2\n"
                 "forward 0/0 in 0 of 2: 0/0 of decode 0 (2)\n"
                 "forward 0/1 in 1 of 2: 0/1 of decode 0 (2)\n"
                 "step 1, 2 own of 2\n"
                 "forward 1/0 in 0 of 2: 1/0 of decode 0 (2)\n"
                 "forward 1/1 in 1 of 2: 1/1 of nobody 0 (0)\n"
                 "step 2, 2 own of 2\n"
                 "forward 2/0 in 0 of 2: 2/0 of nobody 0 (0)\n"
                 "forward 2/1 in 1 of 2: 2/1 of nobody 0 (0)\n");
    for (int64_t step = 0; step < 3; step++) hear_outputs(step);
    nothing_more_was_said();
}

static void a_phase_that_fails_ends_the_follower(void **state) {
    (void)state;
    begin("", 2);
    fake.failing = 1;
    say_step(0, (struct scale_order){.clip = 1});
    assert_refused(EXIT_RUN, "forward fails", follow());
}

// ---- what becomes of the gradients

static void assert_first_weight(double expected) {
    assert_true(fabs((double)fake.part.params->master[0] - expected) < 1e-6);
}

// Under Adam the first update is the learning rate, whatever the gradient; the clip shows in the moments of a second.
static void weights_are_updated_by_what_loss_says(void **state) {
    (void)state;
    struct part same;
    begin("--wd 0", 4);
    assert_done(part_open(&same, &image_row, &typed));
    assert_done(part_load(&same, true));
    const double before = (double)fake.part.params->master[0];
    fake.gradient = 2;
    say_step(0, (struct scale_order){.clip = 0.25});
    say_step(1, (struct scale_order){.clip = 1});
    follow_until_word(WORD_NORM, 1);
    same.params->gradient[0] = 4;
    optimizer_step(same.optimizer, 0.1, 0.25);
    assert_true(fabs((double)same.params->master[0] - (before - 0.1)) < 1e-6);
    optimizer_step(same.optimizer, 0.1, 1);
    assert_memory_equal(same.params->master, fake.part.params->master, (size_t)same.params->elements * sizeof(real));
    assert_int_equal(optimizer_updates(fake.part.optimizer), 2);
    part_close(&same);
}

static void a_skipped_step_changes_nothing(void **state) {
    (void)state;
    begin("", 4);
    const double before = (double)fake.part.params->master[0];
    fake.gradient = (real)NAN;
    say_step(0, (struct scale_order){.clip = 1, .skip = true});
    follow_until_word(WORD_NORM, 0);
    assert_first_weight(before);
    assert_int_equal(optimizer_updates(fake.part.optimizer), 0);
    hear_outputs(0);
    const struct norm_report report = hear_norm(0);
    assert_true(isnan(report.squares));
    assert_string_equal(report.bad, fake.part.params->item[0].name);
    nothing_more_was_said();
}

static void the_last_step_is_done(void **state) {
    (void)state;
    begin("", 2);
    say_step(0, (struct scale_order){.clip = 1, .last = true});
    follow_until_word(WORD_DONE, 0);
    assert_int_equal(hear_done(0).count, 0);
    assert_false(file_exists("checkpoints"));
}

static void a_checkpoint_is_written_before_done(void **state) {
    (void)state;
    begin("--ema-decay 0.9", 4);
    say_step(0, (struct scale_order){.clip = 1});
    say_step(1, (struct scale_order){.clip = 1, .checkpoint = true});
    follow_until_word(WORD_DONE, 1);
    const struct written written = hear_done(1);
    const struct checkpoint checkpoint = {.written = written};
    char *aside = checkpoint_aside(CHECKPOINTS, 2);
    assert_int_equal(written.count, 3);
    assert_string_equal(written.file[0].name, "image.safetensors");
    assert_string_equal(written.file[1].name, "image.optimizer.safetensors");
    assert_string_equal(written.file[2].name, "image.ema.safetensors");
    assert_done(checkpoint_verify(&checkpoint, aside, "image."));
    free(aside);
}

static void a_dump_is_written_before_the_norm_and_done(void **state) {
    (void)state;
    begin("--dump dumped", 2);
    fake.gradient = 1;
    order((struct step_order){.step = 0, .dump = true});
    give_gradients(0);
    scale(0, (struct scale_order){.clip = 1});
    follow_until_word(WORD_DONE, 0);
    hear_done(0);
    assert_true(file_exists("dumped/.image.0.grads.safetensors"));
    assert_false(file_exists("dumped/.image.0.outputs.safetensors")); // this follower has none
}

// ---- what cannot be

static void another_batch_is_refused(void **state) {
    (void)state;
    begin("", 2);
    const struct step_order other = {.step = 0, .batch = 8, .microbatches = 4};
    say(loss, "control", IMAGE, step_pack(&other));
    assert_refused(EXIT_USAGE, "conducts batches of 8 in 4 microbatches, this stage has 4 in 2", follow());
}

static void training_is_refused_without_gradients(void **state) {
    (void)state;
    begin("--evaluate", 2);
    order((struct step_order){.step = 0});
    assert_refused(EXIT_USAGE, "started with --evaluate, but loss conducts training", follow());
}

static void pulled_data_end_too_early(void **state) {
    (void)state;
    begin("", 3);
    say_step(0, (struct scale_order){.clip = 1});
    say_step(1, (struct scale_order){.clip = 1});
    assert_refused(EXIT_DATA, "images ends at step 1", follow());
}

static void an_edge_ends_within_a_step(void **state) {
    (void)state;
    begin("", 2);
    order((struct step_order){.step = 0});
    say_data(text, "features-grad", IMAGE, 0, 0);
    say_data(loss, "embeddings-grad", IMAGE, 0, 0);
    say_end(text, "features-grad");
    assert_refused(EXIT_PEER, "step 0, microbatch 1: the features-grad edge ended within the step", follow());
}

static void control_ends_within_a_step(void **state) {
    (void)state;
    begin("", 2);
    order((struct step_order){.step = 0});
    give_gradients(0);
    last.edge = "control";
    last.wanted = wanted_word(WORD_NORM, IMAGE, 0, 0);
    play.meanwhile = end_control;
    assert_refused(EXIT_PEER, "loss ended within step 0", follow());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PHASES(a_step_is_every_phase_over_every_microbatch),
        WITH_PHASES(without_gradients_backward_is_left_out_and_the_end_is_open),
        WITH_PHASES(a_phase_that_fails_ends_the_follower),
        WITH_PHASES(weights_are_updated_by_what_loss_says),
        WITH_PHASES(a_skipped_step_changes_nothing),
        WITH_PHASES(the_last_step_is_done),
        WITH_PHASES(a_checkpoint_is_written_before_done),
        WITH_PHASES(a_dump_is_written_before_the_norm_and_done),
        WITH_PHASES(another_batch_is_refused),
        WITH_PHASES(training_is_refused_without_gradients),
        WITH_PHASES(pulled_data_end_too_early),
        WITH_PHASES(an_edge_ends_within_a_step),
        WITH_PHASES(control_ends_within_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
