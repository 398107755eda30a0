// loss without followers: the contrastive loss of embeddings that were recorded, from however many ranks.
#include "conduct.h"

// Embeddings of steps 0 … steps, of which the last has so many samples, as two ranks a side sent them.
static void record_steps(int64_t steps, int64_t last_samples) {
    struct recording *recording;
    assert_done(recording_create(&recording, "embeddings.rec"));
    for (int64_t step = 0; step < steps; step++)
        for (int i = 0; i < GATHER_SIDES * M; i++) {
            const int side = i % GATHER_SIDES, m = i / GATHER_SIDES;
            const bool is_short = step == steps - 1 && (m + 1) * B > last_samples;
            struct message *message =
                embedding_message(side, (struct unit){step, m, step * G + m * B, is_short ? 0 : B});
            message->microbatches = M;
            message->rank = m / (M / 2);
            strcpy(message->from, role_of(side));
            assert_done(recording_write(recording, message));
            message_free(&message);
        }
    assert_done(recording_close(&recording));
}

static void begin(const char *more) {
    char *words = xformat("--batch-size 8 --microbatch 2 --embeddings file:embeddings.rec %s", more);
    type_model(words);
    free(words);
    assert_done(part_open(&stage.part, &loss_row, &typed));
    assert_done(part_load(&stage.part, false));
    stage.loss = cast(&loss_row, 0);
    assert_done(edges_open(&stage.loss->edges, loss_row.edges, loss_row.edge_count));
    stage.conductor = (struct conductor){.hub = stage.loss->hub,
                                         .part = &stage.part,
                                         .topology = &play.topology,
                                         .embeddings = edge_of(stage.loss, "embeddings")};
}

// What it prints goes to a file.
static int conduct(void) {
    fflush(stdout);
    const int before = dup(STDOUT_FILENO);
    FILE *file = fopen("printed", "w");
    assert_true(before >= 0 && file && dup2(fileno(file), STDOUT_FILENO) >= 0);
    int status = conductor_alone(&stage.conductor);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    fclose(file);
    return status;
}

static double loss_of(int64_t step) {
    static float row[GATHER_SIDES][G * E];
    struct contrastive *contrastive = contrastive_new(stage.part.ops, CONTRASTIVE_SOFTMAX, G, E);
    for (int side = 0; side < GATHER_SIDES; side++)
        for (int64_t i = 0; i < G * E; i++) row[side][i] = value(side, step * G + i / E, i % E);
    const struct contrastive_result result =
        contrastive_run(contrastive, row[0], row[1], scalars_read(&stage.part), 1, CONTRASTIVE_MEAN, NULL, NULL);
    contrastive_free(&contrastive);
    return result.loss;
}

static void assert_printed(int64_t first, int64_t steps) {
    struct buffer expected = {0}, found = {0};
    const double scale = exp(scalars_read(&stage.part).logit_scale);
    for (int64_t step = first; step < steps; step++)
        buffer_format(&expected,
                      "{\"step\": %d, \"samples\": %d, \"contrastive_loss\": %.17g, \"logit_scale\": %.17g}\n",
                      (int)step, (int)(step + 1) * G, loss_of(step), scale);
    assert_done(file_read("printed", 1 << 16, &found));
    assert_string_equal(found.bytes, expected.bytes);
    buffer_release(&expected);
    buffer_release(&found);
}

static void each_step_is_a_line(void **state) {
    (void)state;
    record_steps(3, G);
    begin("");
    assert_done(conduct());
    assert_printed(0, 3);
}

static void steps_may_be_chosen(void **state) {
    (void)state;
    record_steps(4, G);
    begin("--first-step 1 --steps 3");
    assert_done(conduct());
    assert_printed(1, 3);
}

static void a_recording_that_ends_too_early_is_bad_data(void **state) {
    (void)state;
    record_steps(2, G);
    begin("--steps 3");
    assert_refused(EXIT_DATA, "embeddings ends at step 2", conduct());
    assert_printed(0, 2);
}

static void a_short_batch_is_bad_data(void **state) {
    (void)state;
    record_steps(2, 6);
    begin("");
    assert_refused(EXIT_DATA, "step 1 has 6 samples and --batch-size is 8", conduct());
}

// JSON has no word for such numbers.
static void what_is_not_finite_is_null(void **state) {
    (void)state;
    struct buffer found = {0};
    record_steps(1, G);
    begin("");
    const struct params *params = stage.part.params;
    params->master[params_find(params, "logit_scale")->offset] = INFINITY;
    assert_done(conduct());
    assert_done(file_read("printed", 1 << 16, &found));
    assert_string_equal(found.bytes,
                        "{\"step\": 0, \"samples\": 8, \"contrastive_loss\": null, \"logit_scale\": null}\n");
    buffer_release(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONDUCTING(each_step_is_a_line),
        CONDUCTING(steps_may_be_chosen),
        CONDUCTING(a_recording_that_ends_too_early_is_bad_data),
        CONDUCTING(a_short_batch_is_bad_data),
        CONDUCTING(what_is_not_finite_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
