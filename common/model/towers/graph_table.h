// Graphs of one pass over microbatches, which come in a few shapes; of more than there is place for, those that were
// used last stay.
#pragma once

#include "ops/ops.h"

#define GRAPHS 32
#define GRAPH_KEY 8

// All that the pass's operations depend on.
struct graph_key {
    int64_t part[GRAPH_KEY];
};

// Begins as zeros.
struct graph_table {
    struct graph_entry {
        struct graph_key key;
        int64_t made, used; // when; 0: never
        struct ops_graph graph;
    } entry[GRAPHS];
    struct graph_entry *open; // between begin and end
    int64_t time;             // passes begun
};

// As graph_begin and graph_end of ops.def.
void graph_table_begin(struct graph_table *table, struct ops *ops, struct graph_key key, bool *issued);
void graph_table_end(struct graph_table *table, struct ops *ops);
void graph_table_release(struct graph_table *table, struct ops *ops);
