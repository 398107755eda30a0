// The frame around a stage's own passes, so that a stage's file holds what is particular to it. coca-loss has
// only its beginning: it conducts, and its part of the model is two scalars.
#include "train/stateful.h"

#include <stdlib.h>

#include "base/memory.h"
#include "stage/stage.h"

void stateful_init_run(struct run *run, const struct stage_row *row) {
    run_init(run, row->options);
    for (int i = 0; i < row->edge_count && row->options; i++) run_use(run, row->edges[i].name);
    if (row->options) run_use(run, "listen");
}

static enum gradient_sum sum_of(const struct stateful *stage) {
    return (enum gradient_sum)stage->run.options.gradient_sum;
}

// A launcher says which of several ranks this process is; without, --rank may, and does where nothing is trained and so
// nothing exchanged.
static int join_ranks(struct stateful *stage) {
    const struct stage_row *row = stage->part.row;
    const int joined = stage->train ? stage->ranks : 1;
    int status = ranks_open(&stage->joined, row->role, joined);
    if (!status && joined > 1) stage_set_rank(ranks_rank(stage->joined));
    stage->part.ranks = stage->joined;
    if (!status && joined > 1)
        note("rank %d of %d, by %s", ranks_rank(stage->joined), joined, ranks_transport(stage->joined));
    return status;
}

static int check_run(const struct stateful *stage) {
    const struct run *run = &stage->run;
    int status = stage->train ? run_check_trained(run) : 0;
    if (status) return status;
    if (run->options.control && !stage->ranks)
        return error(EXIT_USAGE, "a run with these losses has no %s: its weights are all 0", stage->part.row->role);
    return stage->train || run->options.control ? run_check_batch(run) : 0;
}

int stateful_prepare(struct stateful *stage, const struct stage_row *row, bool may_train) {
    int status = part_join(&stage->part, row, &stage->run);
    if (status) return status;
    stage->topology = topology_of(&stage->run);
    stage->train = may_train && run_trains(&stage->run);
    stage->ranks = topology_ranks(&stage->topology, row->role);
    status = check_run(stage);
    if (!stage->ranks || !stage->run.options.control) stage->ranks = 1;
    if (!status) status = join_ranks(stage);
    if (!status) status = part_open_backend(&stage->part);
    return status ? status : ranks_use_devices(stage->joined, part_gpu(&stage->part), &stage->devices);
}

struct memory_bytes stateful_bytes(const struct stateful *stage, int64_t microbatch) {
    struct memory_bytes bytes = part_bytes(&stage->part, stage->train);
    if (!stage->train) return bytes;
    struct params *layout = part_layout(&stage->part);
    struct memory_bytes sums =
        gradients_bytes(layout, stage->part.ops, sum_of(stage), stateful_own(stage, microbatch), stage->ranks);
    params_free(&layout);
    return (struct memory_bytes){.device = bytes.device + sums.device, .host = bytes.host + sums.host};
}

int stateful_load(struct stateful *stage) {
    int status = part_load(&stage->part, stage->train);
    if (!status && stage->train)
        stage->gradients = gradients_new(stage->part.params, stage->joined, stage->devices, sum_of(stage),
                                         stateful_own(stage, stage->run.options.microbatch));
    return status;
}

void stateful_close(struct stateful *stage) {
    gradients_free(&stage->gradients);
    part_close(&stage->part);
    if (stage->joined) ranks_close(&stage->joined, stage->well);
}

int stateful_add_up(const struct stateful *stage, int64_t *count) {
    int64_t *all = xcalloc((size_t)stage->ranks, sizeof *all);
    int status = ranks_collect(stage->joined, count, all, sizeof *all, meanwhile_of(stage->edges.hub));
    *count = 0;
    for (int i = 0; i < stage->ranks; i++) *count += all[i];
    free(all);
    return status;
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
    follower->asker = &stage->edges.asker;
    follower->part = &stage->part;
    follower->ranks = stage->ranks;
    follower->gradients = stage->gradients;
    follower->control = edges_channel(&stage->edges, "control");
    status = follower_run(follower);
    if (stage->joined) stage_count_ranks(ranks_counters(stage->joined));
    stage->well = status >= 0;
    return status;
}
