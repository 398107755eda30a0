// Edges stand in the table at each of their ends; here the ends are put together. The contrastive loss is the
// conductor's own and stands in no row, so what it needs of the topology is its embeddings edge: no stage connects to
// that without it.
#include "train/topology.h"

#include <string.h>

#include "base/fail.h"

static void list_followers(struct topology *topology) {
    topology->followers = 0;
    for (int i = 0; i < topology->count; i++) {
        if (topology->stage[i].row->conducts) continue;
        for (int rank = 0; rank < topology->stage[i].ranks; rank++) {
            if (topology->followers == TOPOLOGY_FOLLOWERS) bug("more than %d followers", TOPOLOGY_FOLLOWERS);
            topology->follower[topology->followers++] = (struct address){topology->stage[i].row->role, rank};
        }
    }
}

struct topology topology_of(const struct run *run) {
    struct topology topology = {.count = 0};
    for (const struct stage_row *const *row = stage_rows; *row; row++) {
        if ((*row)->takes_part && !(*row)->takes_part(&run->options)) continue;
        if (topology.count == TOPOLOGY_STAGES) bug("more than %d stages", TOPOLOGY_STAGES);
        topology.stage[topology.count].row = *row;
        topology.stage[topology.count++].ranks = (*row)->conducts ? 1 : run_replicas(run, (*row)->threads);
    }
    list_followers(&topology);
    return topology;
}

static int find(const struct topology *topology, const char *role) {
    for (int i = 0; i < topology->count; i++)
        if (!strcmp(topology->stage[i].row->role, role)) return i;
    return -1;
}

void topology_set_ranks(struct topology *topology, const char *role, int ranks) {
    int i = find(topology, role);
    if (i < 0) bug("%s takes no part", role);
    topology->stage[i].ranks = ranks;
    list_followers(topology);
}

int topology_ranks(const struct topology *topology, const char *role) {
    int i = find(topology, role);
    return i < 0 ? 0 : topology->stage[i].ranks;
}

// An end that connects says whether the run has the edge; one that binds has it when anybody connects.
static bool is_other_end(const struct stage_edge *mine, const struct stage_edge *other, const struct run *run,
                         bool trains) {
    const struct stage_edge *connects = mine->manner == EDGE_CONNECT ? mine : other;
    enum edge_manner wanted = mine->manner == EDGE_CONNECT ? EDGE_BIND : EDGE_CONNECT;
    return other->manner == wanted && stage_uses(connects, &run->options, trains);
}

int topology_peers(const struct topology *topology, const struct stage_row *row, const struct stage_edge *edge,
                   const struct run *run, bool trains, struct peer_group *groups) {
    int count = 0;
    for (int i = 0; i < topology->count; i++) {
        const struct stage_row *peer = topology->stage[i].row;
        const struct stage_edge *other = peer == row ? NULL : stage_edge(peer, edge->name);
        if (other && is_other_end(edge, other, run, trains))
            groups[count++] = (struct peer_group){peer->role, topology->stage[i].ranks};
    }
    return count;
}

int topology_consumers(const struct run *run, const char *edge) {
    const struct topology topology = topology_of(run);
    for (int i = 0; i < topology.count; i++) {
        const struct stage_edge *pulled = stage_edge(topology.stage[i].row, edge);
        if (pulled && pulled->manner == EDGE_PULL) return topology.stage[i].ranks;
    }
    return 1;
}

int topology_parts(const struct topology *topology, const struct model_part **part) {
    for (int i = 0; i < topology->count; i++) part[i] = topology->stage[i].row->part;
    return topology->count;
}

bool topology_has_loss(const struct topology *topology, const struct run_options *options) {
    if (options->contrastive_weight > 0) return true;
    for (int i = 0; i < topology->count; i++)
        for (int k = 0; k < topology->stage[i].row->loss_count; k++)
            if (topology->stage[i].row->losses[k].weight(options) > 0) return true;
    return false;
}
