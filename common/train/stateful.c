// The frame around a stage's own passes, so that a stage's file holds what is particular to it. coca-loss has
// only its beginning: it conducts, and its part of the model is two scalars.
#include "train/stateful.h"

#include "base/fail.h"
#include "stage/stage.h"

void stateful_init_run(struct run *run, const struct stage_row *row) {
    run_init(run, row->options);
    for (int i = 0; i < row->edge_count && row->options; i++) run_use(run, row->edges[i].name);
    if (row->options) run_use(run, "listen");
}

int stateful_prepare(struct stateful *stage, const struct stage_row *row, bool may_train) {
    int status = part_open(&stage->part, row, &stage->run);
    if (status) return status;
    stage->topology = topology_of(&stage->run);
    stage->train = may_train && run_trains(&stage->run);
    stage->ranks = topology_ranks(&stage->topology, row->role);
    if (stage->train && (status = run_check_trained(&stage->run))) return status;
    if (stage->run.options.control && !stage->ranks)
        return error(EXIT_USAGE, "a run with these losses has no %s: its weights are all 0", row->role);
    if (!stage->ranks) stage->ranks = 1;
    return stage->train || stage->run.options.control ? run_check_batch(&stage->run) : 0;
}

bool stateful_tunes(const struct stateful *stage) {
    return stage->train && !stage->run.options.frozen;
}

int stateful_own(const struct stateful *stage, int64_t microbatch) {
    const int64_t own = stage->run.options.batch_size / microbatch / stage->ranks;
    return own > 1 ? (int)own : 1;
}

int stateful_open(struct stateful *stage, struct hub *hub, const struct stage_edge *list, int count) {
    stage->edges = (struct edges){
        .hub = hub, .row = stage->part.row, .topology = &stage->topology, .run = &stage->run, .trains = stage->train};
    return edges_open(&stage->edges, list, count);
}

int stateful_drive(struct stateful *stage, struct follower *follower) {
    struct hub *hub = stage->edges.hub;
    stage_ready();
    int status = hub_meet(hub);
    if (!status) status = edges_served(&stage->edges, &follower->served);
    if (status) return status;
    follower->hub = hub;
    follower->part = &stage->part;
    follower->ranks = stage->ranks;
    follower->control = edges_channel(&stage->edges, "control");
    return follower_run(follower);
}
