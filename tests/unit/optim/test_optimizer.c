// Updates against PyTorch's AdamW and timm's port of big_vision's Adafactor (golden/make_optimizer.py), and state that
// comes back from files.
#include "../base/folder.h"
#include "../parts.h"

#include <math.h>

#include "model/params/params.h"
#include "optim/optimizer.h"
#include "tensor/safetensors.h"

#define LR 0.1 // long steps, beside which the rounding of f32 weights is short
enum { STEPS = 4 };

static const struct optimizer_settings adamw = {
    .kind = OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1};
static const struct optimizer_settings adafactor = {
    .kind = OPTIMIZER_ADAFACTOR, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0.1};
static const struct optimizer_settings adafactor_bf16 = {
    .kind = OPTIMIZER_ADAFACTOR, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0.1, .bf16_momentum = true};

struct bench {
    struct ops *ops;
    struct params *params;
    struct optimizer *optimizer;
};

static struct bench bench_new(const struct optimizer_settings *settings) {
    struct bench bench;
    struct model_config config;
    struct safetensors file;
    assert_done(model_config_read(&config, "parity/equal_widths/model.json"));
    assert_done(ops_open(&bench.ops, "reference", DT_REAL, 1));
    bench.params = params_new(bench.ops, &config, &image_part, true);
    assert_done(safetensors_open(&file, "parity/equal_widths/weights.safetensors"));
    assert_done(params_load(bench.params, &file, "weights", model_parts, MODEL_PARTS));
    safetensors_close(&file);
    bench.optimizer = optimizer_new(bench.params, settings);
    optimizer_start(bench.optimizer);
    return bench;
}

static void bench_free(struct bench *bench) {
    optimizer_free(&bench->optimizer);
    params_free(&bench->params);
    ops_close(&bench->ops);
}

// As made_up_gradient in golden/make_optimizer.py.
static float made_up_gradient(const char *name, uint32_t i, int step) {
    uint32_t letters = 0;
    for (; *name; name++) letters += (unsigned char)*name;
    uint32_t h = i * 2654435761u + (uint32_t)(step + 1) * 40503u + letters * 97u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return (float)((h >> 8) / 16777216.0 - 0.5) * 0.1f;
}

static void take_step(struct bench *bench, int step, double factor) {
    for (int t = 0; t < bench->params->count; t++) {
        const struct param *param = &bench->params->item[t];
        for (int64_t i = 0; i < shape_count(param->shape); i++)
            bench->params->gradient[param->offset + i] =
                made_up_gradient(param->name, (uint32_t)i, step) * (float)factor;
    }
    optimizer_step(bench->optimizer, LR, 1 / factor);
}

// ‖found − wanted‖ against ‖wanted − initial‖, the length of the way.
static void assert_near_golden(const struct bench *bench, const char *rule, double tolerance) {
    struct safetensors golden, before;
    assert_done(safetensors_open(&golden, "unit/optim/golden/optimizer.safetensors"));
    assert_done(safetensors_open(&before, "parity/equal_widths/weights.safetensors"));
    for (int t = 0; t < bench->params->count; t++) {
        const struct param *param = &bench->params->item[t];
        char *name = xformat("%s.%s", rule, param->name);
        const float *wanted = safetensors_find(&golden, name)->data;
        const float *initial = safetensors_find(&before, param->name)->data;
        double miss = 0, way = 0;
        for (int64_t i = 0; i < shape_count(param->shape); i++) {
            miss += pow((double)bench->params->master[param->offset + i] - wanted[i], 2);
            way += pow((double)wanted[i] - initial[i], 2);
        }
        if (!(sqrt(miss) <= tolerance * sqrt(way))) fail_msg("%s: %g of the way", name, sqrt(miss / way));
        free(name);
    }
    safetensors_close(&golden);
    safetensors_close(&before);
}

static void check_golden(const struct optimizer_settings *settings, const char *rule, double tolerance) {
    struct bench bench = bench_new(settings);
    for (int step = 0; step < STEPS; step++) take_step(&bench, step, 1);
    assert_int_equal(optimizer_updates(bench.optimizer), STEPS);
    assert_near_golden(&bench, rule, tolerance);
    bench_free(&bench);
}

static void adamw_is_that_of_torch(void **state) {
    (void)state;
    check_golden(&adamw, "adamw", 1e-5);
}

static void adafactor_is_that_of_big_vision(void **state) {
    (void)state;
    check_golden(&adafactor, "adafactor", 1e-5);
}

// A momentum that lies between two bf16 numbers may be rounded either way: half a unit in the last of 8 bits.
static void adafactor_keeps_its_momentum_in_bf16(void **state) {
    (void)state;
    check_golden(&adafactor_bf16, "adafactor_bf16", 1.0 / 256);
    struct bench narrow = bench_new(&adafactor_bf16), wide = bench_new(&adafactor);
    int64_t difference = optimizer_bytes(wide.params, &adafactor) - optimizer_bytes(wide.params, &adafactor_bf16);
    assert_int_equal(difference, wide.params->elements * 2);
    bench_free(&narrow);
    bench_free(&wide);
}

static void the_clip_factor_scales_the_gradient(void **state) {
    (void)state;
    struct bench bench = bench_new(&adamw);
    for (int step = 0; step < STEPS; step++) take_step(&bench, step, 8); // a power of two: the same bits
    assert_near_golden(&bench, "adamw", 1e-5);
    bench_free(&bench);
}

static void the_average_follows_the_weights(void **state) {
    (void)state;
    struct optimizer_settings settings = adamw;
    settings.average_decay = 0.75;
    struct bench bench = bench_new(&settings);
    int64_t at = bench.params->item[0].offset;
    double average = bench.params->master[at];
    for (int step = 0; step < STEPS; step++) {
        take_step(&bench, step, 1);
        average = 0.75 * average + 0.25 * bench.params->master[at];
        assert_true(fabs(optimizer_average(bench.optimizer)[at] - average) < 1e-6);
    }
    bench_free(&bench);
}

static void compare_blocks(const struct bench *a, const struct bench *b) {
    size_t bytes = (size_t)a->params->elements * sizeof(real);
    assert_memory_equal(a->params->master, b->params->master, bytes);
    if (optimizer_average(a->optimizer))
        assert_memory_equal(optimizer_average(a->optimizer), optimizer_average(b->optimizer), bytes);
}

static void write_state(struct state state, const char *name) {
    uint64_t checksum;
    int64_t size;
    assert_done(state_write(&state, in_folder(name), &checksum, &size));
    state_release(&state);
}

static void check_resume(struct optimizer_settings settings) {
    settings.average_decay = 0.9;
    struct bench whole = bench_new(&settings), first = bench_new(&settings), second = bench_new(&settings);
    for (int step = 0; step < STEPS; step++) take_step(&whole, step, 1);
    for (int step = 0; step < 2; step++) take_step(&first, step, 1);
    write_state(optimizer_state(first.optimizer), "state");
    write_state(optimizer_average_state(first.optimizer), "average");
    memcpy(second.params->master, first.params->master, (size_t)first.params->elements * sizeof(real));
    assert_done(optimizer_read(second.optimizer, in_folder("state")));
    assert_done(optimizer_average_read(second.optimizer, in_folder("average")));
    for (int step = 2; step < STEPS; step++) take_step(&second, step, 1);
    compare_blocks(&whole, &second);
    struct bench *all[] = {&whole, &first, &second};
    for (int i = 0; i < 3; i++) bench_free(all[i]);
}

static void state_from_a_file_goes_on_bit_for_bit(void **state) {
    (void)state;
    check_resume(adamw);
    check_resume(adafactor);
    check_resume(adafactor_bf16);
}

static void the_state_of_another_optimizer_is_refused(void **state) {
    (void)state;
    struct bench one = bench_new(&adamw), other = bench_new(&adafactor), narrow = bench_new(&adafactor_bf16);
    write_state(optimizer_state(one.optimizer), "adamw");
    write_state(optimizer_state(narrow.optimizer), "narrow");
    assert_refused(EXIT_USAGE, "no tensor", optimizer_read(other.optimizer, in_folder("adamw")));
    assert_refused(EXIT_USAGE, "is bf16", optimizer_read(other.optimizer, in_folder("narrow")));
    struct bench *all[] = {&one, &other, &narrow};
    for (int i = 0; i < 3; i++) bench_free(all[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adamw_is_that_of_torch),
        cmocka_unit_test(adafactor_is_that_of_big_vision),
        cmocka_unit_test(adafactor_keeps_its_momentum_in_bf16),
        cmocka_unit_test(the_clip_factor_scales_the_gradient),
        cmocka_unit_test(the_average_follows_the_weights),
        cmocka_unit_test(state_from_a_file_goes_on_bit_for_bit),
        cmocka_unit_test(the_state_of_another_optimizer_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
