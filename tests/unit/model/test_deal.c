// How a part's tensors are dealt among the ranks of its stage.
#include "../base/folder.h"
#include "../parts.h"

#include "base/memory.h"
#include "model/params/params.h"

static const char *const models[] = {"parity/narrow_vision/model.json", "parity/equal_widths/model.json",
                                     "../data/models/coca_base.json"};
enum { MODELS = sizeof models / sizeof *models, RANKS_MOST = 7 };

static void check_own_place(const struct params *params, int i, int64_t *end) {
    const struct param *param = &params->item[i];
    assert_int_equal(param->own, param->adjacent ? *end : params_aligned(*end));
    assert_int_equal(param->master, param->own);
    *end = param->own + shape_count(param->shape);
}

// What one rank has; its elements.
static int64_t check_rank(const struct params *params, const struct params *first) {
    int64_t end = 0, kept = 0;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        assert_int_equal(param->owner, first->item[i].owner);
        assert_true(param->owner >= 0 && param->owner < params->ranks);
        if (param->adjacent) assert_int_equal(param->owner, params->item[i - 1].owner);
        if (param->owner == params->rank) {
            check_own_place(params, i, &end);
            continue;
        }
        assert_int_equal(param->own, -1);
        assert_true(param->whole ? param->master >= params->own_elements : param->master == -1);
        if (param->whole) kept += params_aligned(shape_count(param->shape));
    }
    assert_int_equal(params->own_elements, params_aligned(end));
    assert_int_equal(params->master_elements, params->own_elements + kept);
    return params->own_elements;
}

static int64_t largest_group(const struct params *params) {
    int64_t largest = 0, group = 0;
    for (int i = 0; i < params->count; i++) {
        group = shape_count(params->item[i].shape) + (params->item[i].adjacent ? group : 0);
        if (group > largest) largest = group;
    }
    return params_aligned(largest);
}

static void check_dealing(const struct model_config *config, const struct model_part *part, int ranks) {
    struct params *of[RANKS_MOST];
    int64_t sum = 0, least = INT64_MAX, most = 0;
    for (int rank = 0; rank < ranks; rank++) {
        of[rank] = params_layout(config, part);
        params_layout_deal(of[rank], rank, ranks);
        const int64_t own = check_rank(of[rank], of[0]);
        sum += own;
        least = own < least ? own : least;
        most = own > most ? own : most;
    }
    assert_int_equal(sum, of[0]->elements);
    assert_true(most - least <= largest_group(of[0]));
    for (int rank = 0; rank < ranks; rank++) params_free(&of[rank]);
}

static void every_tensor_has_one_owner(void **state) {
    (void)state;
    struct model_config config;
    for (int model = 0; model < MODELS; model++) {
        assert_done(model_config_read(&config, models[model]));
        for (int part = 0; part < MODEL_PARTS; part++)
            for (int ranks = 1; ranks <= RANKS_MOST; ranks++) check_dealing(&config, model_parts[part], ranks);
    }
}

static void a_single_rank_has_all_in_place(void **state) {
    (void)state;
    struct model_config config;
    assert_done(model_config_read(&config, models[0]));
    struct params *const layouts[] = {params_layout(&config, &image_part), params_layout_narrow(&config, &image_part)};
    int adjacent = 0;
    for (int k = 0; k < 2; k++) {
        struct params *layout = layouts[k];
        for (int i = 0; i < layout->count; i++) {
            assert_int_equal(layout->item[i].own, layout->item[i].offset);
            assert_int_equal(layout->item[i].owner, 0);
            adjacent += layout->item[i].adjacent;
        }
        assert_int_equal(layout->own_elements, layout->elements);
        assert_int_equal(layout->master_elements, layout->elements);
        params_free(&layout);
    }
    assert_true(adjacent > 0);
}

// Within a hundredth for a model of some size; of more ranks than tensors some have nothing.
static void shares_are_near_each_other(void **state) {
    (void)state;
    struct model_config config;
    assert_done(model_config_read(&config, models[2]));
    struct params *layout = params_layout(&config, &image_part), *loss = params_layout(&config, &loss_part);
    for (int rank = 0; rank < 4; rank++) {
        params_layout_deal(layout, rank, 4);
        assert_in_range(layout->own_elements, layout->elements / 4 * 99 / 100, layout->elements / 4 * 101 / 100);
        params_layout_deal(loss, rank, 4);
        assert_int_equal(loss->own_elements, rank ? 0 : loss->elements);
    }
    params_free(&layout);
    params_free(&loss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_has_one_owner),
        cmocka_unit_test(a_single_rank_has_all_in_place),
        cmocka_unit_test(shares_are_near_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
