// The sum of a step's gradients over microbatches: the tree, whatever the number of leaves, the chain, and what is told
// of tensors that are final.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "phases.h"

enum { LEAVES = 11, ELEMENTS_SHOWN = 64 };

static float leaf[LEAVES][ELEMENTS_SHOWN];

static void draw_leaves(void) {
    for (int m = 0; m < LEAVES; m++)
        for (int i = 0; i < ELEMENTS_SHOWN; i++)
            leaf[m][i] = (float)(rand() - RAND_MAX / 2) / (float)(1 + rand() % 999983);
}

// The definition, as gradients.h has it.
static float tree(int first, int n, int i) {
    if (n == 1) return leaf[first][i];
    return tree(first, n / 2, i) + tree(first + n / 2, n - n / 2, i);
}

static float chain(int n, int i) {
    float sum = 0;
    for (int m = 0; m < n; m++) sum += leaf[m][i];
    return sum;
}

// What a backward pass does: adds to what is there.
static void backward(const struct params *params, const char *prefix, int m) {
    for (int k = 0; k < params->count; k++)
        for (int64_t i = 0; i < shape_count(params->item[k].shape); i++)
            if (!strncmp(params->item[k].name, prefix, strlen(prefix)))
                params->gradient[params->item[k].offset + i] += leaf[m][(k + i) % ELEMENTS_SHOWN];
}

static void pass(struct gradients *gradients, const struct params *params, const char *prefix, int own) {
    for (int m = 0; m < own; m++) {
        gradients_open(gradients, prefix, m);
        backward(params, prefix, m);
        assert_int_equal(gradients_close(gradients), 0);
    }
}

static void assert_sum(const struct params *params, int own, enum gradient_sum sum) {
    for (int k = 0; k < params->count; k++)
        for (int64_t i = 0; i < shape_count(params->item[k].shape); i++) {
            const int at = (int)((k + i) % ELEMENTS_SHOWN);
            const float wanted = sum == GRADIENT_SUM_TREE ? tree(0, own, at) : chain(own, at);
            assert_true(params->gradient[params->item[k].offset + i] == wanted);
        }
}

static void check_steps(int own, enum gradient_sum sum) {
    const struct params *params = fake.part.params;
    fake.gradients = gradients_new(fake.part.params, fake.ranks, false, sum, own);
    for (int step = 0; step < 2; step++) {
        draw_leaves();
        gradients_begin(fake.gradients);
        pass(fake.gradients, params, "text_decoder.", own);
        pass(fake.gradients, params, "text.", own);
        assert_int_equal(gradients_sum(fake.gradients, (struct ranks_meanwhile){NULL, NULL}), 0);
        assert_sum(params, own, sum);
    }
    gradients_free(&fake.gradients);
}

static void sums_are_what_the_definition_says(void **state) {
    (void)state;
    type_play("--batch-size 8 --microbatch 2");
    load_part(&text_row, true);
    for (int own = 1; own <= LEAVES; own++) {
        check_steps(own, GRADIENT_SUM_TREE);
        check_steps(own, GRADIENT_SUM_CHAIN);
    }
}

// ---- what is final

// A tower that says, in its pass, that a tensor is final: what it adds to it later is lost.
static void what_is_final_is_handed_on_once(void **state) {
    (void)state;
    type_play("--batch-size 8 --microbatch 2");
    load_part(&text_row, true);
    fake.gradients = gradients_new(fake.part.params, fake.ranks, false, GRADIENT_SUM_TREE, 4);
    gradients_begin(fake.gradients);
    for (int m = 0; m < 4; m++) {
        gradients_open(fake.gradients, "", m);
        assert_null(fake.part.params->final); // a single rank has nobody to tell
        fake.part.params->gradient[0] += 1;
        params_final(fake.part.params, 0, 1);
        assert_int_equal(gradients_close(fake.gradients), 0);
    }
    assert_int_equal(gradients_sum(fake.gradients, (struct ranks_meanwhile){NULL, NULL}), 0);
    assert_true(gradients_squares(fake.gradients) == 16);
    assert_string_equal(gradients_bad(fake.gradients), "");
}

static void the_first_bad_tensor_is_named(void **state) {
    (void)state;
    type_play("--batch-size 8 --microbatch 2");
    load_part(&text_row, true);
    fake.gradients = gradients_new(fake.part.params, fake.ranks, false, GRADIENT_SUM_TREE, 1);
    gradients_begin(fake.gradients);
    gradients_open(fake.gradients, "", 0);
    for (int i = 3; i < 6; i++) fake.part.params->gradient[fake.part.params->item[i].offset] = (real)NAN;
    assert_int_equal(gradients_close(fake.gradients), 0);
    assert_int_equal(gradients_sum(fake.gradients, (struct ranks_meanwhile){NULL, NULL}), 0);
    assert_string_equal(gradients_bad(fake.gradients), fake.part.params->item[3].name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PHASES(sums_are_what_the_definition_says),
        WITH_PHASES(what_is_final_is_handed_on_once),
        WITH_PHASES(the_first_bad_tensor_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
