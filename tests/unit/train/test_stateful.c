// The frame of every stage that owns tensors: whether it trains and for how many microbatches it lays out memory, what
// it refuses before sockets are opened, and that it hands the follower what is its own.
#include "phases.h"

#include "train/stateful.h"

static struct stateful stage;
static struct option_table *const tables[] = {&stage.run.table, NULL};

static void close_stage(void) {
    stateful_close(&stage);
    if (stage.run.table.given) options_release(tables);
    memset(&stage, 0, sizeof stage);
}

static int leave_stage(void **state) {
    close_stage();
    return leave_phases(state);
}

#define STAGING(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_stage)

// As from a command line of these words: the stage's run is its own.
static int prepare(const struct stage_row *row, const char *words, bool may_train) {
    char *line = xformat("test --device reference --model %s/parity/narrow_vision/model.json %s", tests_folder, words);
    char *argument[32], *rest = line;
    int count = 0;
    close_stage();
    for (char *word; (word = strtok_r(rest, " ", &rest));) argument[count++] = word;
    run_init(&stage.run, NULL);
    options_defaults(tables);
    assert_done(options_parse(tables, count, argument, NULL));
    free(line);
    return stateful_prepare(&stage, row, may_train);
}

static void a_stage_trains_when_somebody_gives_gradients(void **state) {
    (void)state;
    assert_done(prepare(&image_row, "--control ipc://control", true));
    assert_true(stage.train);
    assert_done(prepare(&image_row, "--control ipc://control", false));
    assert_false(stage.train);
    assert_done(prepare(&image_row, "--control ipc://control --evaluate", true));
    assert_false(stage.train);
    assert_done(prepare(&image_row, "--features-grad file:d.rec", true));
    assert_true(stage.train);
    assert_done(prepare(&image_row, "", true));
    assert_false(stage.train);
}

// Before a stage that nobody waits for waits for its peers.
static void a_stage_that_the_run_has_not_is_told_so(void **state) {
    (void)state;
    static const char *const words = "--coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0";
    char *conducted = xformat("--control ipc://control %s", words);
    assert_refused(EXIT_USAGE, "a run with these losses has no text-decode", prepare(&text_row, conducted, true));
    assert_done(prepare(&image_row, conducted, true));
    assert_done(prepare(&text_row, words, true)); // alone it may still be asked
    assert_int_equal(stage.ranks, 1);
    free(conducted);
}

static void batches_that_do_not_divide_are_refused_where_it_matters(void **state) {
    (void)state;
    static const char *const batch = "--batch-size 5 --microbatch 2";
    char *conducted = xformat("--control ipc://control %s", batch);
    assert_refused(EXIT_USAGE, "no multiple of --microbatch", prepare(&image_row, conducted, true));
    assert_done(prepare(&image_row, batch, true));
    free(conducted);
}

static void memory_is_for_the_own_microbatches(void **state) {
    (void)state;
    assert_done(prepare(&image_row, "--control ipc://control --batch-size 24 --microbatch 3", true));
    assert_int_equal(stateful_own(&stage, 3), 8);
    assert_int_equal(stateful_own(&stage, 6), 4); // what --memory tries
    stage.ranks = 4;
    assert_int_equal(stateful_own(&stage, 3), 2);
    assert_int_equal(stateful_own(&stage, 24), 1);
}

static void the_follower_gets_what_is_the_stages_own(void **state) {
    (void)state;
    record_units("images.rec", 2, 2);
    assert_done(prepare(&image_row, "--images file:images.rec", true));
    assert_done(part_load(&stage.part, stage.train));
    assert_done(stateful_open(&stage, add_actor(ROLE_IMAGE, 0)->hub, image_row.edges, image_row.edge_count));
    struct follower follower = new_follower(stage.edges.hub, &stage.edges);
    assert_done(stateful_drive(&stage, &follower));
    assert_ptr_equal(follower.part, &stage.part);
    assert_ptr_equal(follower.hub, stage.edges.hub);
    assert_diary("forward 0/0 in 0 of 1: 0/0 of decode 0 (2)\n"
                 "forward 0/1 in 0 of 1: 0/1 of decode 0 (2)\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STAGING(a_stage_trains_when_somebody_gives_gradients),
        STAGING(a_stage_that_the_run_has_not_is_told_so),
        STAGING(batches_that_do_not_divide_are_refused_where_it_matters),
        STAGING(memory_is_for_the_own_microbatches),
        STAGING(the_follower_gets_what_is_the_stages_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
