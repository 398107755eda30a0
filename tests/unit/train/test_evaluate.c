// Losses without gradients over held-out data: batch after batch until one is short, which only the followers' answers
// tell.
#include "conduct.h"

#include "base/json.h"

static char dataset[] = "held-out", list_path[] = "results.json";
static const struct results_options results = {.dataset = dataset, .results = list_path, .step = -1};

static void begin(const char *more, int images, int texts) {
    char *words = xformat("--evaluate %s", more);
    begin_stage(words, images, texts);
    free(words);
}

// A microbatch of a batch of so many samples: the one at their end is short, those behind it are empty.
static struct unit unit_of(int64_t step, int m, int64_t samples) {
    const int64_t left = samples - m * B, here = left < 0 ? 0 : left < B ? left : B;
    return (struct unit){step, m, step * G + m * B, (int32_t)here};
}

static void say_batches(const int64_t *samples, int batches) {
    for (int64_t step = 0; step < batches; step++)
        for (int m = 0; m < M; m++) {
            const struct unit unit = unit_of(step, m, samples[step]);
            for (int side = 0; stage.conductor.embeddings && side < GATHER_SIDES; side++) say_embedding(side, unit);
            if (typed.options.caption_weight > 0) say_report(unit);
        }
}

// ---- what it should be

static double contrast_of(int64_t step, int64_t samples) {
    static float row[GATHER_SIDES][G * E];
    struct contrastive *contrastive = contrastive_new(stage.part.ops, CONTRASTIVE_SOFTMAX, samples, E);
    for (int side = 0; side < GATHER_SIDES; side++)
        for (int64_t i = 0; i < samples * E; i++) row[side][i] = value(side, step * G + i / E, i % E);
    const struct contrastive_result result =
        contrastive_run(contrastive, row[0], row[1], scalars_read(&stage.part), 1, CONTRASTIVE_MEAN, NULL, NULL);
    contrastive_free(&contrastive);
    return result.loss;
}

static void assert_number(const json_t *object, const char *key, double wanted) {
    const double found = json_number_value(json_object_get(object, key));
    if (!json_object_get(object, key) || fabs(found - wanted) > 1e-12 * fabs(wanted))
        fail_msg("%s is %.17g, not %.17g", key, found, wanted);
}

// Means over all samples and targets; the contrast of each batch counts by its samples.
static void assert_result(const int64_t *samples, int batches) {
    double contrast = 0, caption = 0, all = 0, targets = 0;
    for (int64_t step = 0; step < batches; step++) {
        for (int m = 0; m < M; m++) {
            const struct loss_report report = caption_of(unit_of(step, m, samples[step]));
            caption += report.sum;
            targets += (double)report.count;
        }
        if (samples[step]) contrast += contrast_of(step, samples[step]) * (double)samples[step];
        all += (double)samples[step];
    }
    json_t *list = json_read(list_path, 1 << 16);
    const json_t *result = json_array_get(list, 0), *metrics = json_object_get(result, "metrics");
    assert_number(metrics, "samples", all);
    assert_number(metrics, "targets", targets);
    assert_number(metrics, "contrastive_loss", contrast / all);
    assert_number(metrics, "caption_loss", caption / targets);
    assert_number(metrics, "caption_perplexity", exp(caption / targets));
    assert_number(metrics, "loss", contrast / all + 2 * caption / targets);
    assert_number(json_object_get(result, "chance"), "contrastive_loss", log(G));
    assert_number(json_object_get(result, "chance"), "caption_loss", log(61)); // narrow_vision's vocabulary
    json_decref(list);
}

static void hear_orders(int batches) {
    for (int i = 0; i < play.topology.followers; i++) {
        const struct address who = play.topology.follower[i];
        const struct actor *actor = actor_of(who.role, who.rank);
        for (int64_t step = 0; step < batches; step++) {
            struct step_order order;
            struct message *message = hear(actor, "control", wanted_word(WORD_STEP, LOSS, step, 0));
            assert_done(step_unpack(message, &order));
            assert_true(order.evaluate && order.first == step * G && order.batch == G && order.microbatches == M);
            message_free(&message);
        }
        hear_end(actor, "control", LOSS);
    }
}

// ---- evaluations

static void evaluates(const int64_t *samples, int batches, int images, int texts) {
    begin("", images, texts);
    say_batches(samples, batches);
    assert_done(conductor_evaluate(&stage.conductor, &results));
    assert_result(samples, batches);
    hear_orders(batches);
    end_stage();
}

static void the_last_batch_is_short(void **state) {
    (void)state;
    evaluates((const int64_t[]){G, G, 3}, 3, 1, 1);
    evaluates((const int64_t[]){5}, 1, 1, 1);
}

static void the_last_batch_is_empty(void **state) {
    (void)state;
    evaluates((const int64_t[]){G, 0}, 2, 1, 1);
}

static void ranks_answer_for_their_own(void **state) {
    (void)state;
    evaluates((const int64_t[]){G, 3}, 2, 2, 4);
    evaluates((const int64_t[]){G, 7}, 2, 4, 1);
}

static void losses_may_be_captions_alone(void **state) {
    (void)state;
    static const int64_t samples[] = {G, 1};
    begin("--coca-contrastive-loss-weight 0", 1, 2);
    say_batches(samples, 2);
    assert_done(conductor_evaluate(&stage.conductor, &results));
    json_t *list = json_read(list_path, 1 << 16);
    const json_t *metrics = json_object_get(json_array_get(list, 0), "metrics");
    assert_number(metrics, "samples", 9);
    assert_null(json_object_get(metrics, "contrastive_loss"));
    assert_number(metrics, "loss", 2 * json_number_value(json_object_get(metrics, "caption_loss")));
    json_decref(list);
}

// ---- what cannot be

static void data_without_a_sample_are_refused(void **state) {
    (void)state;
    begin("", 1, 1);
    say_batches((const int64_t[]){0}, 1);
    assert_refused(EXIT_DATA, "the data held no sample", conductor_evaluate(&stage.conductor, &results));
}

static void losses_and_embeddings_are_of_the_same_samples(void **state) {
    (void)state;
    begin("", 1, 1);
    for (int m = 0; m < M; m++) {
        say_report(unit_of(0, m, 3));
        for (int side = 0; side < GATHER_SIDES; side++) say_embedding(side, unit_of(0, m, 2));
    }
    assert_refused(EXIT_RUN, "losses are reported of 3 samples, embeddings came of 2",
                   conductor_evaluate(&stage.conductor, &results));
}

static void a_follower_that_ends_is_named(void **state) {
    (void)state;
    begin("", 1, 2);
    say_end(actor_of(ROLE_TEXT, 1), "embeddings");
    for (int m = 0; m < M; m++) say_report(unit_of(0, m, G));
    for (int m = 0; m < M; m++) say_embedding(GATHER_IMAGE, unit_of(0, m, G));
    for (int m = 0; m < 2; m++) say_embedding(GATHER_TEXT, unit_of(0, m, G));
    assert_refused(EXIT_PEER, "text-decode 1 ended within step 0", conductor_evaluate(&stage.conductor, &results));
}

static void a_stop_leaves_no_result(void **state) {
    (void)state;
    begin("", 1, 1);
    say(actor_of(ROLE_TEXT, 0), "control", LOSS, stop_pack(SIGINT));
    say_batches((const int64_t[]){G, G}, 2);
    assert_done(conductor_evaluate(&stage.conductor, &results));
    assert_false(file_exists(list_path));
    hear_orders(1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONDUCTING(the_last_batch_is_short),           CONDUCTING(the_last_batch_is_empty),
        CONDUCTING(ranks_answer_for_their_own),        CONDUCTING(losses_may_be_captions_alone),
        CONDUCTING(data_without_a_sample_are_refused), CONDUCTING(losses_and_embeddings_are_of_the_same_samples),
        CONDUCTING(a_follower_that_ends_is_named),     CONDUCTING(a_stop_leaves_no_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
