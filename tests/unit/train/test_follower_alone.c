// A follower without a conductor: forward over what is recorded or made by workers, whole steps when gradients are
// recorded too, and outputs that a consumer asks for.
#include "phases.h"

static struct actor *image;

// The edges that the words give addresses to.
static void begin(const char *words, bool train) {
    char *all = xformat("--batch-size 4 --microbatch 2 %s", words);
    type_model(all);
    load_part(&image_row, train);
    image = cast(&image_row, 0);
    assert_done(edges_open(&image->edges, image_row.edges, image_row.edge_count));
    free(all);
}

static int follow(bool halves) {
    struct follower follower = new_follower(image->hub, &image->edges);
    fake_phases[0].launch = halves ? launch_forward : NULL;
    fake_phases[0].ahead = halves ? look_ahead : NULL;
    assert_done(edges_served(&image->edges, &follower.served));
    return follower_run(&follower);
}

static void assert_recorded(const char *path, const char *expected) {
    struct recording *recording;
    struct message *message;
    struct buffer text = {0};
    say_all_ends(image);
    assert_done(recording_open(&recording, path));
    while (recording_read(recording, &message) == 0 && message) {
        buffer_format(&text, "%d/%d ", (int)message->unit.step, message->unit.microbatch);
        message_free(&message);
    }
    assert_done(recording_close(&recording));
    assert_string_equal(text.bytes, expected);
    buffer_release(&text);
}

// ---- forward over a recording

static void a_recording_is_read_as_it_comes(void **state) {
    (void)state;
    record_units("images.rec", 3, 2);
    begin("--images file:images.rec --embeddings file:out.rec", false);
    assert_done(follow(false));
    assert_diary("forward 0/0 in 0 of 1: 0/0 of decode 0 (2)\n"
                 "forward 0/1 in 0 of 1: 0/1 of decode 0 (2)\n"
                 "forward 1/0 in 0 of 1: 1/0 of decode 0 (2)\n");
    assert_recorded("out.rec", "0/0 0/1 1/0 ");
}

static void steps_are_chosen_from_a_recording(void **state) {
    (void)state;
    record_units("images.rec", 8, 2);
    begin("--images file:images.rec --embeddings file:out.rec --first-step 1 --steps 3", false);
    assert_done(follow(false));
    assert_recorded("out.rec", "1/0 1/1 2/0 2/1 ");
}

static void a_recording_that_ends_before_the_steps_is_bad_data(void **state) {
    (void)state;
    record_units("images.rec", 4, 2);
    begin("--images file:images.rec --steps 3", false);
    assert_refused(EXIT_DATA, "images ends at step 2", follow(false));
}

// ---- forward over what workers make

static void workers_are_asked_until_their_data_end(void **state) {
    (void)state;
    begin("--images ipc://images --embeddings file:out.rec", false);
    begin_worker("decode", "images", "ipc://images", 5);
    assert_done(follow(false));
    assert_recorded("out.rec", "0/0 0/1 0/2 0/3 0/4 ");
}

static void workers_are_asked_for_the_steps(void **state) {
    (void)state;
    begin("--images ipc://images --embeddings file:out.rec --first-step 1 --steps 3", false);
    begin_worker("decode", "images", "ipc://images", 100);
    assert_done(follow(true));
    assert_has(fake.diary.bytes, "launch 1/1 in 0 of 1: 1/1 of decode 0 (2)\n");
    assert_recorded("out.rec", "1/0 1/1 2/0 2/1 ");
}

static void workers_whose_data_end_before_the_steps_are_bad_data(void **state) {
    (void)state;
    begin("--images ipc://images --steps 3", false);
    begin_worker("decode", "images", "ipc://images", 5);
    assert_refused(EXIT_DATA, "images ends at step 2", follow(false));
}

// ---- whole steps

static void begin_steps(const char *more, int images, int d_features, int d_embeddings) {
    char *words = xformat("--images file:images.rec --features-grad file:d-features.rec "
                          "--embeddings-grad file:d-embeddings.rec %s",
                          more);
    record_units("images.rec", images, 2);
    record_units("d-features.rec", d_features, 2);
    record_units("d-embeddings.rec", d_embeddings, 2);
    begin(words, true);
    fake.gradient = 1;
    free(words);
}

static void recorded_gradients_make_whole_steps(void **state) {
    (void)state;
    begin_steps("--steps 2", 4, 4, 4);
    listen_in();
    int status = follow(false);
    const char *said = heard();
    assert_int_equal(status, 0);
    assert_has(said, "step 0: gradient norm 2\n");
    assert_has(said, "step 1: gradient norm 2\n");
    assert_diary("step 0, 2 own of 2\n"
                 "forward 0/0 in 0 of 2: 0/0 of decode 0 (2)\n"
                 "forward 0/1 in 1 of 2: 0/1 of decode 0 (2)\n"
                 "backward 0/0 in 0 of 2: 0/0 of decode 0 (2) 0/0 of decode 0 (2)\n"
                 "backward 0/1 in 1 of 2: 0/1 of decode 0 (2) 0/1 of decode 0 (2)\n"
                 "step 1, 2 own of 2\n"
                 "forward 1/0 in 0 of 2: 1/0 of decode 0 (2)\n"
                 "forward 1/1 in 1 of 2: 1/1 of decode 0 (2)\n"
                 "backward 1/0 in 0 of 2: 1/0 of decode 0 (2) 1/0 of decode 0 (2)\n"
                 "backward 1/1 in 1 of 2: 1/1 of decode 0 (2) 1/1 of decode 0 (2)\n");
}

static void without_steps_they_go_on_to_the_end(void **state) {
    (void)state;
    begin_steps("", 4, 4, 4);
    listen_in();
    int status = follow(false);
    assert_has(heard(), "step 1: gradient norm 2\n");
    assert_int_equal(status, 0);
}

static void the_recording_that_ends_is_named(void **state) {
    (void)state;
    static const int units[][3] = {{2, 4, 4}, {4, 2, 4}, {4, 4, 2}};
    static const char *const words[] = {"images ends at step 1", "features-grad ends at step 1",
                                        "embeddings-grad ends at step 1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        begin_steps("--steps 2", units[i][0], units[i][1], units[i][2]);
        assert_refused(EXIT_DATA, words[i], follow(false));
        end_play();
        close_part();
    }
}

static void a_dump_alone_is_whole(void **state) {
    (void)state;
    begin_steps("--steps 2 --dump dumped --dump-step 1", 4, 4, 4);
    assert_done(follow(false));
    assert_true(file_exists("dumped/image.grads.safetensors"));
}

// ---- a consumer

static struct edge *consumer;
static const struct unit wishes[] = {{5, 3, 30, 2}, {0, 1, 2, 1}, {2, 0, 8, 2}, {9, 0, 90, 2}};
enum { WISHES = sizeof wishes / sizeof *wishes };

static void begin_consumer(void) {
    const struct edge_options options = {.name = "embeddings",
                                         .address = "ipc://embeddings",
                                         .manner = EDGE_PULL,
                                         .direction = EDGE_IN,
                                         .window = WISHES};
    assert_done(hub_edge(add_actor("score", 0)->hub, &consumer, &options));
    for (int i = 0; i < WISHES; i++) edge_want(consumer, ANYBODY, wishes[i]);
}

// Whether it can have all of these at once: who waits here keeps the stage from serving them.
static bool all_ready(struct edge *edge, const struct unit *units, int count) {
    for (int i = 0; i < count; i++)
        if (!edge_ready(edge, wanted_data(ANYBODY, units[i].step, units[i].microbatch))) return false;
    return true;
}

// Takes all that it wanted when all of it is there, and leaves.
static void consume(void) {
    static const int status[WISHES] = {0, 0, 0, HUB_END};
    work_on();
    if (!consumer || !all_ready(consumer, wishes, WISHES)) return;
    for (int i = 0; i < WISHES; i++) {
        struct message *message;
        assert_int_equal(edge_take(consumer, wanted_data(ANYBODY, wishes[i].step, wishes[i].microbatch), &message),
                         status[i]);
        if (message) assert_int_equal(message->unit.samples, wishes[i].samples);
        message_free(&message);
    }
    assert_done(edge_end(consumer));
    consumer = NULL;
}

static void what_a_consumer_asks_is_served_in_its_order(void **state) {
    (void)state;
    begin("--images ipc://images --embeddings ipc://embeddings --window 8", false);
    begin_worker("decode", "images", "ipc://images", WISHES - 1); // the last lies beyond the data
    begin_consumer();
    play.meanwhile = consume;
    assert_done(follow(false));
    assert_null(consumer);
    assert_diary("forward 5/3 in 0 of 1: 5/3 of decode 0 (2)\n"
                 "forward 0/1 in 0 of 1: 0/1 of decode 0 (1)\n"
                 "forward 2/0 in 0 of 1: 2/0 of decode 0 (2)\n");
}

// ---- several consumers

static struct edge *decoder[2];

static const struct unit both_wish[] = {{0, 0, 0, 2}, {0, 1, 2, 2}};

// Both wish for the same units, as when one of them is asked in the place of the other.
static void begin_decoder(int rank) {
    char *address = xformat("ipc://features.%d", rank);
    const struct edge_options options = {
        .name = "features", .address = address, .manner = EDGE_PULL, .direction = EDGE_IN, .window = 2};
    assert_done(hub_edge(add_actor(ROLE_TEXT, rank)->hub, &decoder[rank], &options));
    for (int i = 0; i < 2; i++) edge_want(decoder[rank], ANYBODY, both_wish[i]);
    free(address);
}

static void decode_all(void) {
    work_on();
    for (int rank = 0; rank < 2; rank++) {
        if (!decoder[rank] || !all_ready(decoder[rank], both_wish, 2)) continue;
        for (int i = 0; i < 2; i++) {
            struct message *message;
            assert_done(edge_take(decoder[rank], wanted_data(ANYBODY, 0, both_wish[i].microbatch), &message));
            message_free(&message);
        }
        assert_done(edge_end(decoder[rank]));
        decoder[rank] = NULL;
    }
}

static void each_consumer_gets_what_it_asked(void **state) {
    (void)state;
    begin("--images ipc://images --features ipc://features --replicas 1,2", false);
    begin_worker("decode", "images", "ipc://images", 10);
    begin_decoder(0);
    begin_decoder(1);
    play.meanwhile = decode_all;
    assert_done(follow(false));
    assert_true(!decoder[0] && !decoder[1]);
    const char *at = fake.diary.bytes;
    int passes = 0;
    while ((at = strstr(at, "forward 0/"))) at++, passes++;
    assert_int_equal(passes, 4); // two units, twice each
}

// Where a rank of several listens, and where it looks for those who ask.
static void ranks_of_a_stage_alone_have_addresses_of_their_own(void **state) {
    (void)state;
    begin("--images ipc://images --embeddings ipc://embeddings --replicas 2,1", false);
    assert_true(file_exists("images.0"));
    assert_false(file_exists("images"));
}

static void two_outputs_cannot_both_be_asked_for(void **state) {
    (void)state;
    struct edge *served;
    record_units("images.rec", 0, 1);
    begin("--images file:images.rec --embeddings ipc://embeddings --features ipc://features", false);
    assert_refused(EXIT_USAGE, "features and embeddings cannot both be asked for",
                   edges_served(&image->edges, &served));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PHASES(a_recording_is_read_as_it_comes),
        WITH_PHASES(steps_are_chosen_from_a_recording),
        WITH_PHASES(a_recording_that_ends_before_the_steps_is_bad_data),
        WITH_PHASES(workers_are_asked_until_their_data_end),
        WITH_PHASES(workers_are_asked_for_the_steps),
        WITH_PHASES(workers_whose_data_end_before_the_steps_are_bad_data),
        WITH_PHASES(recorded_gradients_make_whole_steps),
        WITH_PHASES(without_steps_they_go_on_to_the_end),
        WITH_PHASES(the_recording_that_ends_is_named),
        WITH_PHASES(a_dump_alone_is_whole),
        WITH_PHASES(what_a_consumer_asks_is_served_in_its_order),
        WITH_PHASES(each_consumer_gets_what_it_asked),
        WITH_PHASES(ranks_of_a_stage_alone_have_addresses_of_their_own),
        WITH_PHASES(two_outputs_cannot_both_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
