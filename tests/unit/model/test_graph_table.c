// Which graph of a table a pass gets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/towers/graph_table.h"

// A backend that records at once.
static void begin(struct ops *ops, struct ops_graph *graph, int64_t key, bool *issued) {
    (void)ops;
    if (graph->key != key) graph->kept = NULL;
    graph->key = key;
    *issued = graph->kept != NULL;
}

static void end(struct ops *ops, struct ops_graph *graph) {
    (void)ops;
    graph->kept = graph;
}

static struct ops ops = {.graph_begin = begin, .graph_end = end};

// Whether the pass of this shape was replayed.
static bool pass(struct graph_table *table, int64_t shape) {
    bool issued;
    graph_table_begin(table, &ops, (struct graph_key){{7, shape}}, &issued);
    if (!issued) graph_table_end(table, &ops);
    return issued;
}

static void test_shapes_are_apart(void **state) {
    (void)state;
    struct graph_table table = {0};
    for (int64_t shape = 0; shape < GRAPHS; shape++) assert_false(pass(&table, shape));
    for (int64_t shape = 0; shape < GRAPHS; shape++) assert_true(pass(&table, shape));
}

static void test_the_one_used_longest_ago_goes(void **state) {
    (void)state;
    struct graph_table table = {0};
    for (int64_t shape = 0; shape < GRAPHS; shape++) pass(&table, shape);
    assert_true(pass(&table, 0));
    assert_false(pass(&table, GRAPHS)); // in the place of 1
    assert_true(pass(&table, GRAPHS));
    assert_true(pass(&table, 0));
    assert_false(pass(&table, 1)); // in the place of 2, and nothing of either is left of it
    assert_true(pass(&table, 1));
    assert_false(pass(&table, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_are_apart),
        cmocka_unit_test(test_the_one_used_longest_ago_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
