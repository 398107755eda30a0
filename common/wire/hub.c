// A hub's life: its making, its edges as a list, its end, proper or after a failure. The skeleton of stages makes one
// and ends it. What its edges do is edge.c's, what a wait does wait.c's.
#include "wire/hub.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/edge_private.h"
#include "wire/manner.h"
#include "wire/wait.h"

enum { ABANDON_LINGER_MS = 500 }; // for the `end` of workers

struct hub *hub_new(const struct hub_config *config) {
    struct hub *hub = xcalloc(1, sizeof *hub);
    const char *trace = getenv("COCA_TRACE");
    if (strlen(config->role) >= WIRE_NAME || strlen(config->run) >= WIRE_RUN || config->rank < 0)
        bug("role %s, rank %d or run id %s cannot travel", config->role, config->rank, config->run);
    hub->config = *config;
    strcpy(hub->run, config->run);
    hub->generation = config->generation;
    hub->keys.folder = config->keys;
    hub->trace = trace && *trace && strcmp(trace, "0") != 0;
    hub->context = zmq_ctx_new();
    if (!hub->context)
        die(EXIT_RUN, "no context of ZeroMQ: %s; raise the limit on open files (ulimit -n)", zmq_strerror(zmq_errno()));
    return hub;
}

const char *hub_role(const struct hub *hub) {
    return hub->config.role;
}

int hub_rank(const struct hub *hub) {
    return hub->config.rank;
}

int64_t hub_message_limit(const struct hub *hub) {
    return hub->config.message_limit;
}

int hub_edge(struct hub *hub, struct edge **edge, const struct edge_options *options) {
    int status = edge_open(hub, edge, options);
    if (status) return status;
    (*edge)->next = hub->edges;
    hub->edges = *edge;
    return 0;
}

// --- The end

static void check_copies(const struct hub *hub) {
    const struct strings *record = hub->config.record;
    for (size_t i = 0; record && i < record->count; i++) {
        bool known = false;
        for (const struct edge *edge = hub->edges; edge; edge = edge->next)
            known |= edge_copy_path(edge, record->item[i]) != NULL;
        if (!known) warn("--record %s: this stage opened no such edge", record->item[i]);
    }
}

// After a failure nothing is let out to stateful peers: a socket that lingers while its peer leaves too is what
// hub_part avoids.
static int linger_of(const struct edge *edge, bool abandoned) {
    if (!abandoned) return -1;
    return edge->manner->stateful ? 0 : ABANDON_LINGER_MS;
}

static void hub_free(struct hub **hub, bool abandoned) {
    while ((*hub)->edges) {
        struct edge *edge = (*hub)->edges;
        (*hub)->edges = edge->next;
        edge_free(edge, linger_of(edge, abandoned));
    }
    while (zmq_ctx_term((*hub)->context) && zmq_errno() == EINTR) continue;
    keys_release(&(*hub)->keys);
    free((*hub)->watches);
    free(*hub);
    *hub = NULL;
}

int hub_close(struct hub **hub) {
    int status = 0;
    hub_pass(*hub, 0, NULL); // who says hello just now shall hear the end too
    check_copies(*hub);
    for (struct edge *edge = (*hub)->edges; edge; edge = edge->next) {
        int ended = edge_end(edge), copied = edge_close_copy(edge);
        if (status == 0) status = ended ? ended : copied;
    }
    hub_part(*hub);
    hub_free(hub, false);
    return status;
}

void hub_abandon(struct hub **hub) {
    for (struct edge *edge = (*hub)->edges; edge; edge = edge->next)
        if (edge->manner->name == EDGE_PULL && !edge->ended) edge_say_end(edge);
    hub_free(hub, true);
}

struct hub_counters hub_counters(const struct hub *hub) {
    return hub->counters;
}
