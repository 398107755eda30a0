// The processes of a run, for the script that starts them: who they are and which edges they have is read from the
// table of stateful stages, so that no script lists them.
#include <inttypes.h>
#include <stdio.h>

#include "prepare.h"

// Whether the run has the edge at this stage.
static bool has(const struct topology *topology, const struct stage_row *row, const struct stage_edge *edge,
                const struct run *run) {
    struct peer_group peers[TOPOLOGY_STAGES];
    return edge->manner == EDGE_PULL || topology_peers(topology, row, edge, run, true, peers) > 0;
}

static void print_stage(const struct topology *topology, const struct stage_row *row, const struct run *run) {
    printf("%s %s %d", row->conducts ? "sink" : "stage", row->role, topology_ranks(topology, row->role));
    for (int i = 0; i < row->edge_count; i++)
        if (has(topology, row, &row->edges[i], run)) printf(" %s", row->edges[i].name);
    puts("");
}

// The workers that a stage's pulled edges need, unless those are recorded.
static void print_workers(const struct stage_row *row, const struct run *run) {
    for (int i = 0; i < row->edge_count; i++) {
        if (row->edges[i].manner != EDGE_PULL || run_address(run, row->edges[i].name)) continue;
        const struct worker_row *worker = worker_of(row->edges[i].name);
        printf("workers %s %" PRId64 " %s\n", worker->name, worker->count(&run->options), worker->edge);
    }
}

void job_print(const struct topology *topology, const struct run *run) {
    printf("job='");
    for (int i = topology->count; i-- > 0;) print_stage(topology, topology->stage[i].row, run);
    for (int i = 0; i < topology->count; i++) print_workers(topology->stage[i].row, run);
    puts("'");
}
