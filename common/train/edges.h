// The edges of a stage from its address options.
#pragma once

#include "wire/hub.h"

struct edge_row {
    struct edge **edge; // set to NULL when `options.address` is
    bool needed;        // without an address: -EXIT_USAGE
    struct edge_options options;
};

// Opens what has an address; an edge left out stays NULL and is skipped. 0 or -exit_code.
int edges_open(struct hub *hub, const struct edge_row *row, int count);

// The output that a consumer asks for: the one of two (NULL: not open) that is a socket, when there is no conductor.
// -EXIT_USAGE when both are.
int edges_served(struct edge **served, const struct edge *control, struct edge *one, struct edge *other);
