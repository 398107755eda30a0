// A part divided among ranks: weights, averages and sums of squares have the bits of a single rank's, whatever the
// number, and each rank keeps its share of the state. The ranks are in this process; what the exchange does between
// them is done by hand.
#include "../base/folder.h"
#include "../parts.h"

#include <math.h>

#include "base/memory.h"
#include "model/params/params.h"
#include "optim/optimizer.h"
#include "optim/squares.h"
#include "tensor/safetensors.h"

enum { STEPS = 3, RANKS_MOST = 4 };

static const struct optimizer_settings rules[] = {
    {.kind = OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1, .average_decay = 0.75},
    {.kind = OPTIMIZER_ADAFACTOR, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0.1, .average_decay = 0.75},
    {.kind = OPTIMIZER_ADAFACTOR, .beta1 = 0.9, .beta2 = 0.999, .bf16_momentum = true, .average_decay = 0.75},
};

struct rank {
    struct params *params;
    struct optimizer *optimizer;
    double *squares;
};

static struct ops *ops;

static void fill(struct params *params, bool from_file) {
    struct safetensors file;
    if (!from_file) {
        params_initialize(params, 7);
        return;
    }
    assert_done(safetensors_open(&file, "parity/narrow_vision/weights.safetensors"));
    assert_done(params_load(params, &file, "weights", NULL, 0));
    safetensors_close(&file);
}

static struct rank rank_new(int rank, int ranks, const struct optimizer_settings *settings) {
    struct model_config config;
    assert_done(model_config_read(&config, "parity/narrow_vision/model.json"));
    struct rank made = {.params = ranks == 1 ? params_new(ops, &config, &image_part, true)
                                             : params_new_divided(ops, &config, &image_part, rank, ranks)};
    made.params->item[3].locked = true; // runs end there
    made.params->item[5].rate = 0.5;
    made.squares = xcalloc((size_t)made.params->count, sizeof *made.squares);
    made.optimizer = optimizer_new(made.params, settings);
    fill(made.params, settings->kind == OPTIMIZER_ADAMW);
    optimizer_start(made.optimizer);
    return made;
}

static void rank_free(struct rank *rank) {
    optimizer_free(&rank->optimizer);
    params_free(&rank->params);
    free(rank->squares);
}

static void make_gradient(const struct params *params, int step) {
    for (int t = 0; t < params->count; t++)
        for (int64_t i = 0; i < shape_count(params->item[t].shape); i++)
            params->gradient[params->item[t].offset + i] =
                (float)((i * 2654435761u + (uint32_t)(t * 97 + step * 40503)) >> 8 & 0xffff) / 65536 - 0.45F;
}

static void exchange(const struct rank *rank, int ranks) {
    for (int t = 0; t < rank[0].params->count; t++) {
        const int owner = rank[0].params->item[t].owner;
        size_t bytes, same;
        const void *from = params_exchanged(rank[owner].params, &rank[owner].params->item[t], &bytes);
        for (int r = 0; r < ranks; r++) {
            void *to = params_exchanged(rank[r].params, &rank[r].params->item[t], &same);
            assert_int_equal(bytes, same);
            if (r != owner) memcpy(to, from, bytes);
        }
    }
    for (int r = 0; r < ranks; r++) params_values_changed(rank[r].params);
}

static void step(const struct rank *rank, int ranks, int number) {
    for (int r = 0; r < ranks; r++) {
        make_gradient(rank[r].params, number);
        gradient_squares(rank[r].params, rank[r].squares);
        optimizer_step(rank[r].optimizer, 0.01, 0.5);
    }
    if (ranks > 1) exchange(rank, ranks);
}

static void compare_tensor(const struct rank *one, const struct rank *rank, int t) {
    const struct param *wanted = &one->params->item[t], *found = &rank->params->item[t];
    const size_t count = (size_t)shape_count(wanted->shape), size = dtype_size(ops->dtype), full = count * sizeof(real);
    const real *master = params_master(rank->params, found);
    assert_memory_equal((char *)rank->params->value + (size_t)found->offset * size,
                        (char *)one->params->value + (size_t)wanted->offset * size, count * size);
    assert_true(master || (ops->dtype != DT_REAL && found->own < 0 && !found->whole));
    if (master) assert_memory_equal(master, params_master(one->params, wanted), full);
    if (found->own < 0) return;
    assert_memory_equal(optimizer_average(rank->optimizer) + found->own,
                        optimizer_average(one->optimizer) + wanted->own, full);
    assert_true(rank->squares[t] == one->squares[t]);
}

static void compare(const struct rank *one, const struct rank *rank, int ranks) {
    for (int r = 0; r < ranks; r++) {
        for (int t = 0; t < one->params->count; t++) compare_tensor(one, &rank[r], t);
        assert_int_equal(optimizer_updates(rank[r].optimizer), optimizer_updates(one->optimizer));
    }
}

static void check_sum_of_squares(const struct rank *one, const struct rank *rank, int ranks) {
    double *joined = xcalloc((size_t)one->params->count, sizeof *joined);
    for (int r = 0; r < ranks; r++)
        for (int t = 0; t < one->params->count; t++) {
            if (rank[r].params->item[t].own < 0) assert_true(rank[r].squares[t] == 0);
            joined[t] += rank[r].squares[t];
        }
    assert_true(squares_total(one->params, joined) == squares_total(one->params, one->squares));
    free(joined);
}

static void check_ranks(int ranks, const struct optimizer_settings *settings) {
    struct rank one = rank_new(0, 1, settings), rank[RANKS_MOST];
    for (int r = 0; r < ranks; r++) rank[r] = rank_new(r, ranks, settings);
    for (int t = 0; t < STEPS; t++) {
        step(&one, 1, t);
        step(rank, ranks, t);
        compare(&one, rank, ranks);
        check_sum_of_squares(&one, rank, ranks);
    }
    int64_t sum = 0;
    for (int r = 0; r < ranks; r++) sum += optimizer_bytes(rank[r].params, settings);
    assert_int_equal(sum, optimizer_bytes(one.params, settings));
    for (int r = 0; r < ranks; r++) rank_free(&rank[r]);
    rank_free(&one);
}

static void check_backend(const char *device, enum dtype dtype) {
    if (ops_open(&ops, device, dtype, 2)) skip();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (int ranks = 2; ranks <= RANKS_MOST; ranks++) check_ranks(ranks, &rules[i]);
    ops_close(&ops);
}

static void the_bits_are_a_single_rank_s(void **state) {
    (void)state;
    check_backend("reference", DT_REAL);
    check_backend("cpu", DT_REAL);
}

static void the_bits_are_a_single_rank_s_in_bf16(void **state) {
    (void)state;
    check_backend("cpu", DT_BF16);
}

// Before any update: what loading and drawing leave, of tensors without a master too.
static void values_come_as_to_a_single_rank(void **state) {
    (void)state;
    if (ops_open(&ops, "cpu", DT_BF16, 1)) skip();
    for (int i = 0; i < 2; i++) {
        struct rank one = rank_new(0, 1, &rules[i]), other = rank_new(1, 3, &rules[i]);
        compare(&one, &other, 1);
        assert_null(other.params->arriving);
        rank_free(&other);
        rank_free(&one);
    }
    ops_close(&ops);
}

static void masters_of_others_are_not_kept(void **state) {
    (void)state;
    struct model_config config;
    assert_done(model_config_read(&config, "parity/narrow_vision/model.json"));
    struct params *layout = params_layout(&config, &image_part);
    const int64_t whole = params_bytes(layout, DT_BF16, true), f32 = params_bytes(layout, DT_REAL, true);
    params_layout_deal(layout, 1, 4);
    assert_int_equal(whole - params_bytes(layout, DT_BF16, true),
                     (layout->elements - layout->master_elements) * (int64_t)sizeof(real));
    assert_true(layout->master_elements < layout->elements / 2);
    assert_int_equal(params_bytes(layout, DT_REAL, true), f32);
    params_free(&layout);
}

static void the_first_tensor_that_is_not_finite_is_named(void **state) {
    (void)state;
    assert_done(ops_open(&ops, "reference", DT_REAL, 1));
    struct rank own = rank_new(0, 2, &rules[0]);
    int first = 0, other = 0;
    while (own.params->item[first].own < 0) first++;
    while (own.params->item[other].own >= 0) other++;
    own.params->gradient[own.params->item[other].offset] = NAN; // another rank's to say
    gradient_squares(own.params, own.squares);
    assert_string_equal(squares_bad(own.params, own.squares), "");
    own.params->gradient[own.params->item[first].offset] = INFINITY;
    gradient_squares(own.params, own.squares);
    assert_string_equal(squares_bad(own.params, own.squares), own.params->item[first].name);
    rank_free(&own);
    ops_close(&ops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bits_are_a_single_rank_s),
        cmocka_unit_test(the_bits_are_a_single_rank_s_in_bf16),
        cmocka_unit_test(values_come_as_to_a_single_rank),
        cmocka_unit_test(masters_of_others_are_not_kept),
        cmocka_unit_test(the_first_tensor_that_is_not_finite_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
