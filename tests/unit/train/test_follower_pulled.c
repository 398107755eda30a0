// What a follower pulls from workers: asked for ahead of need, handed down to the phase between the halves of its pass
// when it has come, collected drops, and an end of the data.
#include "phases.h"

#define LOSS ((struct address){ROLE_LOSS, 0})
#define IMAGE ((struct address){ROLE_IMAGE, 0})

static struct actor *image, *loss;

// Steps of four microbatches of two samples, of which a worker has so many units.
static void begin(const char *more, int units) {
    char *words = xformat("--batch-size 8 --microbatch 2 --images ipc://images %s", more);
    type_play(words);
    load_part(&image_row, !typed.options.evaluate);
    image = begin_play(ROLE_IMAGE, 0);
    loss = actor_of(ROLE_LOSS, 0);
    begin_worker("decode", "images", "ipc://images", units);
    free(words);
}

// Of two steps.
static void say_step(int64_t step) {
    const struct step_order order = {
        .step = step, .first = 8 * step, .batch = 8, .microbatches = 4, .steps = 2, .evaluate = typed.options.evaluate};
    const struct scale_order scale = {.clip = 1};
    say(loss, "control", IMAGE, step_pack(&order));
    say(loss, "control", IMAGE, scale_pack(&scale, step));
}

static int follow(bool halves) {
    struct follower follower = new_follower(image->hub, &image->edges);
    fake_phases[0].launch = halves ? launch_forward : NULL;
    fake_phases[0].ahead = halves ? look_ahead : NULL;
    fake_phases[2].enabled = false;
    return follower_run(&follower);
}

// Work goes on, and control ends, when loss has got the norm of the step.
static int64_t last_step;

static void end_control_behind(void) {
    work_on();
    if (edge_ready(edge_of(loss, "control"), wanted_word(WORD_NORM, IMAGE, last_step, 0))) say_end(loss, "control");
}

static void follow_until(int64_t step, bool halves) {
    last_step = step;
    play.meanwhile = end_control_behind;
    assert_done(follow(halves));
}

// ---- the next message

// Between the halves of microbatch 1 the next one has not come; between those of the others it has, behind the last one
// the first of the next step.
static void let_the_next_come(const struct work *work) {
    const struct wanted next = wanted_data(ANYBODY, work->step + work->microbatch / 3, (work->microbatch + 1) % 4);
    if (work->microbatch == 1) return;
    worker.allowed++;
    while (!edge_ready(edge_of(image, "images"), next)) continue;
}

static void let_it_come_now(const struct work *work) {
    if (work->microbatch == 1) worker.allowed++;
}

static void the_next_message_is_handed_down_when_it_has_come(void **state) {
    (void)state;
    begin("", 100);
    worker.allowed = 1;
    fake.in_launch = let_the_next_come;
    fake.in_forward = let_it_come_now;
    say_step(0);
    follow_until(0, true);
    assert_diary("step 0, 4 own of 4\n"
                 "launch 0/0 in 0 of 4: 0/0 of decode 0 (2)\n"
                 "ahead: 0/1 of decode 0 (2)\n"
                 "forward 0/0 in 0 of 4: 0/0 of decode 0 (2)\n"
                 "launch 0/1 in 1 of 4: 0/1 of decode 0 (2)\n"
                 "forward 0/1 in 1 of 4: 0/1 of decode 0 (2)\n"
                 "launch 0/2 in 2 of 4: 0/2 of decode 0 (2)\n"
                 "ahead: 0/3 of decode 0 (2)\n"
                 "forward 0/2 in 2 of 4: 0/2 of decode 0 (2)\n"
                 "launch 0/3 in 3 of 4: 0/3 of decode 0 (2)\n" // nothing of another step is handed down
                 "forward 0/3 in 3 of 4: 0/3 of decode 0 (2)\n");
}

static void an_end_is_not_handed_down(void **state) {
    (void)state;
    begin("--evaluate", 2);
    worker.allowed = 1;
    fake.in_launch = let_the_next_come;
    fake.in_forward = let_it_come_now;
    say_step(0);
    assert_done(edge_end(edge_of(loss, "control")));
    assert_done(follow(true));
    assert_diary("step 0, 4 own of 4\n"
                 "launch 0/0 in 0 of 4: 0/0 of decode 0 (2)\n"
                 "ahead: 0/1 of decode 0 (2)\n"
                 "forward 0/0 in 0 of 4: 0/0 of decode 0 (2)\n"
                 "launch 0/1 in 1 of 4: 0/1 of decode 0 (2)\n"
                 "forward 0/1 in 1 of 4: 0/1 of decode 0 (2)\n"
                 "launch 0/2 in 2 of 4: 0/2 of nobody 0 (0)\n"
                 "forward 0/2 in 2 of 4: 0/2 of nobody 0 (0)\n"
                 "launch 0/3 in 3 of 4: 0/3 of nobody 0 (0)\n"
                 "forward 0/3 in 3 of 4: 0/3 of nobody 0 (0)\n");
}

// ---- asking ahead

static int window, asked;

// Answers a unit only while exactly so many are asked for as there should be: else nothing goes on any more.
static void answer_when_all_are_asked(void) {
    static struct unit unit[100];
    while (edge_ready(worker.edge, wanted_ask()) && edge_next_ask(worker.edge, &unit[asked]) == 0) {
        assert_int_equal(unit[asked].step, asked / 4);
        assert_int_equal(unit[asked].microbatch, asked % 4);
        assert_int_equal(unit[asked].first, 2 * asked);
        asked++;
    }
    const int left = 8 - worker.answered, expected = left < window + 1 ? left : window + 1;
    if (left && asked - worker.answered == expected) answer(unit[worker.answered++], false);
    if (edge_ready(edge_of(loss, "control"), wanted_word(WORD_NORM, IMAGE, 1, 0))) say_end(loss, "control");
}

// Over the end of a step, not over that of the run.
static void as_many_are_asked_for_as_the_window_says(void **state) {
    (void)state;
    static const int windows[] = {0, 1, 5, 50};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        begin("--window 50", 8);
        struct follower follower = new_follower(image->hub, &image->edges);
        fake_phases[2].enabled = false;
        follower.window = window = windows[i];
        asked = 0;
        play.meanwhile = answer_when_all_are_asked;
        say_step(0);
        say_step(1);
        assert_done(follower_run(&follower));
        assert_int_equal(asked, 8);
        end_play();
        close_part();
    }
}

// ---- drops

static void assert_drops(int64_t step, int count) {
    struct message *message = hear(loss, "control", wanted_word(WORD_NORM, IMAGE, step, 0));
    for (int i = 0; i < count; i++) assert_string_equal(message_string(message, TENSOR_DROPS, i), "{\"id\": 7}");
    assert_null(message_string(message, TENSOR_DROPS, count));
    message_free(&message);
}

static void drops_go_with_the_norm_of_their_step(void **state) {
    (void)state;
    begin("", 100);
    worker.drop = "{\"id\": 7}";
    say_step(0);
    say_step(1);
    follow_until(1, true);
    assert_drops(0, 4);
    assert_drops(1, 4); // those of step 0 are not told again
}

static void a_step_without_drops_tells_none(void **state) {
    (void)state;
    begin("", 100);
    say_step(0);
    follow_until(0, false);
    assert_drops(0, 0);
}

// ---- the end of the data

static void training_does_not_end_with_the_data(void **state) {
    (void)state;
    for (int halves = 0; halves < 2; halves++) {
        begin("", 6);
        say_step(0);
        say_step(1);
        assert_refused(EXIT_DATA, "images ends at step 1", follow(halves));
        end_play();
        close_part();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PHASES(the_next_message_is_handed_down_when_it_has_come),
        WITH_PHASES(an_end_is_not_handed_down),
        WITH_PHASES(as_many_are_asked_for_as_the_window_says),
        WITH_PHASES(drops_go_with_the_norm_of_their_step),
        WITH_PHASES(a_step_without_drops_tells_none),
        WITH_PHASES(training_does_not_end_with_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
