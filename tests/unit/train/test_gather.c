// Embeddings of both sides are gathered in the order of the samples, whatever order they come in and from however many
// ranks, and the gradients go back to the ranks that sent them.
#include "conduct.h"

static struct gather *gather;
static const struct step_order order = {.step = 3, .first = 24, .batch = G, .microbatches = M};

static int leave_gather(void **state) {
    gather_free(&gather);
    return leave_stage(state);
}

#define GATHERING(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_gather)

static void begin(int images, int texts, bool train) {
    begin_stage(train ? "" : "--evaluate", images, texts);
    gather = gather_new(&stage.conductor, train);
}

static void end(void) {
    gather_free(&gather);
    end_stage();
}

// ---- what followers send

static void send(int side, int m, int64_t n, int samples) {
    say_embedding(side, (struct unit){order.step, m, n, samples});
}

static void send_both(int m, int64_t n, int samples) {
    for (int side = 0; side < GATHER_SIDES; side++) send(side, m, n, samples);
}

static int take(int64_t *samples) {
    return gather_take(gather, &stage.conductor, &order, samples);
}

static void assert_rows(int64_t samples) {
    for (int side = 0; side < GATHER_SIDES; side++)
        for (int64_t n = 0; n < samples; n++)
            for (int64_t e = 0; e < E; e++) assert_true(gather->side[side].row[n * E + e] == value(side, n, e));
}

// ---- orders of arrival

// The k-th of 2M messages, in four orders: by microbatch, backwards, one side first, and the other one first.
static void arrival(int which, int k, int *side, int *m) {
    const int at = which == 1 ? GATHER_SIDES * M - 1 - k : k;
    *side = which < 2 ? at % GATHER_SIDES : (at / M + which) % GATHER_SIDES;
    *m = which < 2 ? at / GATHER_SIDES : at % M;
}

static struct contrastive_result contrast_in_order(int which, float d[GATHER_SIDES][G * E]) {
    int64_t samples;
    for (int k = 0; k < GATHER_SIDES * M; k++) {
        int side, m;
        arrival(which, k, &side, &m);
        send(side, m, m * B, B);
    }
    assert_done(take(&samples));
    assert_int_equal(samples, G);
    assert_rows(G);
    const struct contrastive_result result = gather_contrast(gather, &stage.part, samples, 0.7);
    for (int side = 0; side < GATHER_SIDES; side++) memcpy(d[side], gather->side[side].d, sizeof d[side]);
    return result;
}

static void the_order_of_arrival_changes_no_bit(void **state) {
    (void)state;
    static float first[GATHER_SIDES][G * E], other[GATHER_SIDES][G * E];
    static const int ranks[][2] = {{1, 1}, {2, 2}, {4, 1}, {1, 2}};
    struct contrastive_result expected, found;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        for (int which = 0; which < 4; which++) {
            begin(ranks[i][0], ranks[i][1], true);
            bool is_first = !i && !which;
            found = contrast_in_order(which, is_first ? first : other);
            if (is_first) expected = found;
            assert_memory_equal(&expected, &found, sizeof found);
            if (!is_first) assert_memory_equal(first, other, sizeof first);
            end();
        }
}

// What gather makes of the batch is the contrastive loss of all rows at once.
static void the_loss_is_that_of_the_whole_batch(void **state) {
    (void)state;
    static float found[GATHER_SIDES][G * E], row[GATHER_SIDES][G * E], d[GATHER_SIDES][G * E];
    begin(2, 2, true);
    const struct contrastive_result result = contrast_in_order(1, found);
    struct contrastive *contrastive = contrastive_new(stage.part.ops, CONTRASTIVE_SOFTMAX, G, E);
    for (int side = 0; side < GATHER_SIDES; side++)
        for (int64_t i = 0; i < G * E; i++) row[side][i] = value(side, i / E, i % E);
    const struct contrastive_result expected = contrastive_run(
        contrastive, row[GATHER_IMAGE], row[GATHER_TEXT], scalars_read(&stage.part), 0.7, CONTRASTIVE_MEAN, d[0], d[1]);
    contrastive_free(&contrastive);
    assert_memory_equal(&expected, &result, sizeof result);
    assert_memory_equal(d, found, sizeof d);
}

// ---- gradients

static void hear_gradient(int side, int m) {
    const void *rows;
    struct message *message = hear(owner(side, m), "embeddings-grad", wanted_data(LOSS, order.step, m));
    assert_int_equal(message->unit.first, order.first + m * B);
    assert_int_equal(message->unit.samples, B);
    assert_int_equal(message->microbatches, M);
    assert_done(message_tensor(message, TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, E), &rows));
    assert_memory_equal(rows, gather->side[side].d + m * B * E, B * E * sizeof(float));
    message_free(&message);
}

static void gradients_go_to_the_owners(void **state) {
    (void)state;
    static float d[GATHER_SIDES][G * E];
    begin(2, 4, true);
    contrast_in_order(0, d);
    assert_done(gather_return(gather, &stage.conductor, &order));
    say_all_ends(stage.loss);
    for (int side = 0; side < GATHER_SIDES; side++)
        for (int m = 0; m < M; m++) hear_gradient(side, m);
    for (int i = 0; i < play.actors; i++)
        if (play.actor[i].hub != stage.loss->hub) hear_end(&play.actor[i], "embeddings-grad", LOSS);
}

// ---- the end of the data

static void a_short_last_batch_is_a_contrast_of_its_own(void **state) {
    (void)state;
    int64_t samples;
    begin(1, 1, false);
    send_both(0, 0, 2);
    send_both(1, 2, 1);
    send_both(2, 3, 0);
    send_both(3, 3, 0);
    assert_done(take(&samples));
    assert_int_equal(samples, 3);
    assert_rows(3);
    struct contrastive *contrastive = contrastive_new(stage.part.ops, CONTRASTIVE_SOFTMAX, 3, E);
    const struct contrastive_result expected =
        contrastive_run(contrastive, gather->side[GATHER_IMAGE].row, gather->side[GATHER_TEXT].row,
                        scalars_read(&stage.part), 1, CONTRASTIVE_MEAN, NULL, NULL);
    contrastive_free(&contrastive);
    assert_true(gather_contrast(gather, &stage.part, samples, 1).loss == expected.loss);
}

static void no_sample_is_left(void **state) {
    (void)state;
    int64_t samples;
    begin(1, 1, false);
    for (int m = 0; m < M; m++) send_both(m, 0, 0);
    assert_done(take(&samples));
    assert_int_equal(samples, 0);
}

// ---- what cannot be

static void more_samples_than_the_batch_are_refused(void **state) {
    (void)state;
    int64_t samples;
    begin(1, 2, true);
    for (int m = 0; m < M; m++) send_both(m, 3 * m, m < 2 ? 3 : 2);
    assert_refused(EXIT_RUN, "image-encode 0: step 3, microbatch 3: 2 samples are too many for a batch of 8",
                   take(&samples));
}

static void sides_of_different_size_are_refused(void **state) {
    (void)state;
    int64_t samples;
    begin(1, 2, true);
    for (int m = 0; m < M; m++) {
        send(GATHER_IMAGE, m, m * B, B);
        send(GATHER_TEXT, m, m * B, m == 2 ? 1 : B);
    }
    assert_refused(EXIT_RUN, "step 3, microbatch 2: image-encode 0 has 2 samples, text-decode 1 has 1", take(&samples));
}

static void rows_of_another_width_are_refused(void **state) {
    (void)state;
    int64_t samples;
    struct message *message = message_new(MESSAGE_DATA, (struct unit){order.step, 0, 0, B});
    begin(1, 1, true);
    message_add(message, TENSOR_EMBEDDING, DT_F32, SHAPE(B, E + 1));
    say(owner(GATHER_IMAGE, 0), "embeddings", LOSS, message);
    send(GATHER_TEXT, 0, 0, B);
    assert_refused(EXIT_RUN, TENSOR_EMBEDDING, take(&samples));
}

static void send_with_ids(int side, int64_t first_id) {
    struct message *message = embedding_message(side, (struct unit){order.step, 0, 0, B});
    int64_t *ids = message_add(message, TENSOR_IDS, DT_I64, SHAPE(B));
    for (int i = 0; i < B; i++) ids[i] = first_id + i;
    say(owner(side, 0), "embeddings", LOSS, message);
}

static void other_samples_on_either_side_are_refused(void **state) {
    (void)state;
    int64_t samples;
    begin(1, 1, true);
    send_with_ids(GATHER_IMAGE, 5);
    send_with_ids(GATHER_TEXT, 6);
    assert_refused(EXIT_RUN, "step 3, microbatch 0: image-encode and text-decode hold other samples", take(&samples));
    end();
    begin(1, 1, true);
    send_with_ids(GATHER_IMAGE, 5);
    send_with_ids(GATHER_TEXT, 5);
    for (int m = 1; m < M; m++) send_both(m, m * B, B);
    assert_done(take(&samples));
    assert_int_equal(samples, G);
}

// A rank that does not own a microbatch is not heard in the owner's place.
static void the_owner_is_waited_for(void **state) {
    (void)state;
    int64_t samples;
    begin(2, 1, true);
    say(actor_of(ROLE_IMAGE, 1), "embeddings", LOSS,
        embedding_message(GATHER_IMAGE, (struct unit){order.step, 0, 6, B}));
    for (int m = 0; m < M; m++) send_both(m, m * B, B);
    assert_done(take(&samples));
    assert_rows(G);
}

static void a_side_that_ends_within_a_step_is_named(void **state) {
    (void)state;
    int64_t samples;
    begin(2, 1, true);
    for (int m = 0; m < 3; m++) send_both(m, m * B, B);
    say_end(actor_of(ROLE_IMAGE, 1), "embeddings");
    assert_refused(EXIT_PEER, "image-encode 1 ended within step 3", take(&samples));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        GATHERING(the_order_of_arrival_changes_no_bit),
        GATHERING(the_loss_is_that_of_the_whole_batch),
        GATHERING(gradients_go_to_the_owners),
        GATHERING(a_short_last_batch_is_a_contrast_of_its_own),
        GATHERING(no_sample_is_left),
        GATHERING(more_samples_than_the_batch_are_refused),
        GATHERING(sides_of_different_size_are_refused),
        GATHERING(rows_of_another_width_are_refused),
        GATHERING(other_samples_on_either_side_are_refused),
        GATHERING(the_owner_is_waited_for),
        GATHERING(a_side_that_ends_within_a_step_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
