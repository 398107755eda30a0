// coca-loss --plan: who is where, what travels, how long it takes and what it needs, of a model small enough to count.
#include "../run/run.h"

#include <math.h>

#include "../../../stages/coca-loss/plan.h"
#include "train/stages.h"

static struct model_config config;
static struct plan_machine machine;

// Of --replicas I,T, with what the words say besides.
static struct plan_step step_of(int image, int text, const char *words) {
    char all[200];
    snprintf(all, sizeof all, "--batch-size 64 --microbatch 8 %s", words);
    assert_done(type_options(all));
    assert_done(run_check(&typed));
    return (struct plan_step){
        .run = &typed, .config = &config, .microbatches = 8, .ranks = {image, text}, .length = 10};
}

static void use_machine(int hosts, int devices, double gbps) {
    machine = (struct plan_machine){
        .hosts = hosts, .devices = devices, .gbps = gbps, .local_gbps = gbps, .tflops = 1e-3, .ease = {1, 1}};
}

static struct plan_traffic traffic_of(const struct plan_step *step) {
    struct plan_traffic traffic;
    plan_traffic(&machine, step, &traffic);
    return traffic;
}

static struct plan_time time_of(const struct plan_step *step) {
    const struct plan_traffic traffic = traffic_of(step);
    return plan_time(&machine, step, &traffic);
}

static void assert_near(double found, double expected) {
    if (fabs(found - expected) > 1e-6 * fabs(expected)) fail_msg("%.9g, expected %.9g", found, expected);
}

static double side_seconds(const struct plan_step *step, enum plan_side side) {
    return plan_work_of_side(step, side) / (machine.tflops * 1e12);
}

// ---- places

// Three ranks and three on hosts of two: image 0, 1 | image 2, text 0 | text 1, 2.
static void test_hosts_are_filled(void **state) {
    (void)state;
    const struct plan_step step = step_of(3, 3, "");
    static const int image[] = {0, 0, 1}, text[] = {1, 2, 2};
    use_machine(3, 2, 1);
    for (int rank = 0; rank < 3; rank++) {
        assert_int_equal(plan_host(&machine, &step, PLAN_IMAGE, rank), image[rank]);
        assert_int_equal(plan_host(&machine, &step, PLAN_TEXT, rank), text[rank]);
    }
    assert_false(plan_is_local(&machine, &step));
    use_machine(3, 6, 1);
    assert_true(plan_is_local(&machine, &step));
}

// ---- what travels

static const struct plan_edge *edge_of(const struct plan_traffic *traffic, const char *name, const char *from) {
    for (int i = 0; i < traffic->edges; i++)
        if (!strcmp(traffic->edge[i].name, name) && !strcmp(traffic->edge[i].from, from)) return &traffic->edge[i];
    fail_msg("no edge %s from %s", name, from);
    return NULL;
}

// The tensors' bytes, and a header of some hundred bytes for each of the eight messages.
static void assert_tensors(const struct plan_edge *edge, double bytes) {
    assert_int_equal(edge->messages, 8);
    if (edge->bytes < bytes + 8 * 100 || edge->bytes > bytes + 8 * 300)
        fail_msg("edge %s: %.0f bytes, %.0f of them tensors", edge->name, edge->bytes, bytes);
}

static void test_edges(void **state) {
    (void)state;
    const struct plan_step step = step_of(2, 4, "--transport frames");
    use_machine(1, 0, 1);
    const struct plan_traffic traffic = traffic_of(&step);
    const double ids = 64 * 8, features = 64 * 16 * 128 * 4, embedding = 64 * 128 * 4;
    assert_tensors(edge_of(&traffic, "images", "decode"), 64 * 28 * 28 * 3 + ids);
    assert_tensors(edge_of(&traffic, "tokens", "tokenize"), 64 * 16 * 4 + ids);
    assert_tensors(edge_of(&traffic, "requests", ROLE_TEXT), 0);
    assert_tensors(edge_of(&traffic, "features", ROLE_IMAGE), features + ids);
    assert_tensors(edge_of(&traffic, "features-grad", ROLE_TEXT), features + ids);
    assert_tensors(edge_of(&traffic, "embeddings", ROLE_TEXT), embedding + ids);
    assert_tensors(edge_of(&traffic, "embeddings-grad", ROLE_LOSS), embedding);
    assert_int_equal(edge_of(&traffic, "control", ROLE_TEXT)->messages, 4);
    // images, features-grad, embeddings-grad, and two orders for each rank
    assert_true(traffic.flow[PLAN_OF_IMAGE].messages_in == 8 + 8 + 8 + 2 * 2);
    assert_true(traffic.flow[PLAN_OF_LOSS].messages_in == 2 * 8 + 8 + 2 + 4);
}

static void test_shared_features_and_one_loss(void **state) {
    (void)state;
    struct plan_step step = step_of(1, 1, "");
    use_machine(1, 0, 1);
    struct plan_traffic traffic = traffic_of(&step);
    assert_true(edge_of(&traffic, "features", ROLE_IMAGE)->bytes < 8 * 1000);
    use_machine(2, 1, 1);
    traffic = traffic_of(&step);
    assert_true(edge_of(&traffic, "features", ROLE_IMAGE)->bytes > 64 * 16 * 128 * 4);
    step = step_of(1, 1, "--coca-caption-loss-weight 0 --precision bf16");
    traffic = traffic_of(&step);
    for (int i = 0; i < traffic.edges; i++) assert_string_not_equal(traffic.edge[i].name, "features");
}

static void test_exchange(void **state) {
    (void)state;
    const struct plan_step step = step_of(4, 1, "--precision bf16");
    use_machine(1, 0, 1);
    const struct plan_exchange image = traffic_of(&step).exchange[PLAN_IMAGE],
                               text = traffic_of(&step).exchange[PLAN_TEXT];
    struct params *layout = params_layout(&config, &image_part);
    const double N = (double)params_count(layout);
    assert_near(image.gradients, 0.75 * N * 4);
    assert_near(image.values, 0.75 * N * 2);
    assert_near(image.messages, 1.5 * layout->count);
    assert_true(text.gradients == 0 && text.values == 0 && text.messages == 0);
    params_free(&layout);
}

// The image ranks on one host, the text ranks and loss on the other: one way go features and image embeddings, the
// other way both gradients. The exchanges stay where they are; with one device a host each rank is alone.
static void test_links(void **state) {
    (void)state;
    const struct plan_step step = step_of(2, 2, "");
    use_machine(2, 2, 8);
    struct plan_traffic traffic = traffic_of(&step);
    assert_near(plan_link_bytes(&machine, &step, &traffic), 8 * (traffic.feature_bytes + traffic.embedding_bytes));
    const double sent = traffic.exchange[PLAN_IMAGE].gradients;
    assert_near(plan_exchange_seconds(&machine, &step, PLAN_IMAGE, sent), sent / 1e9);
    machine.local_gbps = 80;
    assert_near(plan_exchange_seconds(&machine, &step, PLAN_IMAGE, sent), sent / 1e10);
    machine.hosts = 4;
    machine.devices = 1;
    assert_near(plan_exchange_seconds(&machine, &step, PLAN_IMAGE, sent), sent / 1e9);
}

// ---- time

// One device is never idle while a rank has something to do, and some rank always has.
static void test_one_device_does_all(void **state) {
    (void)state;
    use_machine(1, 1, 1e6);
    for (int words = 0; words < 2; words++) {
        const struct plan_step step = step_of(1, 1, words ? "--recompute microbatch" : "");
        const double contrast = plan_work(&step).contrast / (machine.tflops * 1e12);
        assert_near(time_of(&step).step, side_seconds(&step, PLAN_IMAGE) + side_seconds(&step, PLAN_TEXT) + contrast);
    }
}

// A second forward pass of the image side, and two of the unimodal half.
static void test_recompute_is_work(void **state) {
    (void)state;
    struct plan_step step = step_of(1, 1, "");
    use_machine(1, 0, 1);
    const struct plan_work once = plan_work(&step);
    const double total = plan_work_total(&step);
    step = step_of(1, 1, "--recompute microbatch");
    const struct plan_work twice = plan_work(&step);
    assert_near(twice.backward, once.backward + once.forward);
    assert_near(twice.multimodal, once.multimodal + once.unimodal);
    assert_near(twice.unimodal_backward, once.unimodal_backward + once.unimodal);
    assert_near(plan_work_total(&step), total);
    step = step_of(8, 8, "--recompute microbatch"); // a microbatch each: its activations stay
    assert_near(plan_work(&step).backward, once.backward);
}

// With a device each, ranks divide the work. A rank of one microbatch has nothing to do while the other side has it: no
// two passes go on at once then but the first two, and the contrast.
static void test_ranks_divide_the_work(void **state) {
    (void)state;
    use_machine(1, 0, 1e6);
    for (int R = 1; R <= 8; R *= 2) {
        const struct plan_step step = step_of(R, R, "");
        const struct plan_time time = time_of(&step);
        for (int side = 0; side < PLAN_SIDES; side++) assert_near(time.side[side].busy, side_seconds(&step, side) / R);
        const double image = time.side[PLAN_IMAGE].busy, text = time.side[PLAN_TEXT].busy;
        assert_true(time.step >= fmax(image, text) &&
                    time.step < (R == 1 ? 1.5 * fmax(image, text) : 1.01 * (image + text)));
    }
}

// A side that is twice as fast waits for the other one.
static void test_a_slow_side_is_waited_for(void **state) {
    (void)state;
    const struct plan_step step = step_of(1, 1, "");
    use_machine(1, 0, 1e6);
    machine.ease[PLAN_IMAGE] = 0.1;
    const struct plan_time time = time_of(&step);
    assert_near(time.side[PLAN_IMAGE].busy, 10 * side_seconds(&step, PLAN_IMAGE));
    assert_true(time.side[PLAN_TEXT].waits_passes > time.side[PLAN_IMAGE].waits_passes);
    assert_true(time.step < 1.2 * time.side[PLAN_IMAGE].busy);
}

// Over a slow link a step is the exchange, of which the last backward passes hide what they take themselves.
static void test_a_slow_link(void **state) {
    (void)state;
    const struct plan_step step = step_of(2, 2, "");
    use_machine(1, 0, 1e-3);
    const struct plan_traffic traffic = traffic_of(&step);
    const struct plan_exchange *text = &traffic.exchange[PLAN_TEXT];
    const double gradients = text->gradients * 8 / 1e6, values = text->values * 8 / 1e6;
    const struct plan_time time = plan_time(&machine, &step, &traffic);
    assert_near(time.values, values);
    assert_true(time.step > gradients + values && time.step < 1.1 * (gradients + values));
    assert_true(time.side[PLAN_TEXT].exchange < gradients && time.side[PLAN_TEXT].exchange > 0.9 * gradients);
}

static void test_captions_alone_wait_for_no_contrast(void **state) {
    (void)state;
    const struct plan_step step = step_of(1, 1, "--coca-contrastive-loss-weight 0");
    use_machine(1, 0, 1e6);
    const struct plan_time time = time_of(&step);
    assert_true(time.side[PLAN_TEXT].waits_contrast == 0 && time.contrast == 0 && isfinite(time.step));
}

// ---- rates

// A rate that is found again from the time that it made.
static void test_rates_of_a_run(void **state) {
    (void)state;
    const struct plan_step step = step_of(1, 1, "");
    use_machine(1, 2, 1);
    machine.ease[PLAN_TEXT] = 0.5;
    const struct plan_time time = time_of(&step);
    struct plan_measured measured[2] = {{.seconds = time.step}, {.seconds = 2}};
    for (int side = 0; side < PLAN_SIDES; side++) measured[0].busy[side] = time.side[side].busy / time.step;
    struct plan_machine found = {.hosts = 1, .devices = 2, .gbps = 1, .local_gbps = 1, .ease = {1, 1}};
    plan_calibrate(&found, &step, measured);
    assert_near(found.tflops, machine.tflops);
    assert_near(found.ease[PLAN_TEXT], 0.5);
    assert_true(plan_measured_gbps(measured, 2) == 0);
    measured[1].exchange[PLAN_TEXT].sent = 1e9; // in a tenth of two seconds
    measured[1].exchange[PLAN_TEXT].waiting = 0.1;
    assert_near(plan_measured_gbps(measured, 2), 40);
}

// ---- memory

static void test_memory(void **state) {
    (void)state;
    struct memory_bytes one[PLAN_STAGES], four[PLAN_STAGES];
    struct plan_step step = step_of(1, 1, "");
    assert_done(plan_memory(&step, one));
    step = step_of(4, 4, "");
    assert_done(plan_memory(&step, four));
    for (int side = 0; side < PLAN_SIDES; side++) assert_true(four[side].device < one[side].device);
    assert_int_equal(four[PLAN_OF_LOSS].device, one[PLAN_OF_LOSS].device);
    step = step_of(4, 4, "--precision bf16 --recompute microbatch"); // on a machine that may have no bf16
    assert_done(plan_memory(&step, four));
}

static int read_model(void **state) {
    (void)state;
    return model_config_read(&config, "../data/models/coca_tiny.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_hosts_are_filled),
        IN_FOLDER(test_edges),
        IN_FOLDER(test_shared_features_and_one_loss),
        IN_FOLDER(test_exchange),
        IN_FOLDER(test_links),
        IN_FOLDER(test_one_device_does_all),
        IN_FOLDER(test_recompute_is_work),
        IN_FOLDER(test_ranks_divide_the_work),
        IN_FOLDER(test_a_slow_side_is_waited_for),
        IN_FOLDER(test_a_slow_link),
        IN_FOLDER(test_captions_alone_wait_for_no_contrast),
        IN_FOLDER(test_rates_of_a_run),
        IN_FOLDER(test_memory),
    };
    return cmocka_run_group_tests(tests, read_model, NULL);
}
