// The stages of one run: which rows of the table take part, how many ranks each has, and which microbatches a rank
// owns.
//
// Rank r of R has the contiguous block of M/R microbatches from r·M/R on; R divides M.
#pragma once

#include "train/stages.h"

enum { TOPOLOGY_STAGES = 8, TOPOLOGY_FOLLOWERS = 1024 };

struct topology {
    struct {
        const struct stage_row *row;
        int ranks;
    } stage[TOPOLOGY_STAGES];
    int count;
    struct address follower[TOPOLOGY_FOLLOWERS]; // all that are conducted: by row, then by rank
    int followers;
};

// Of the run, with --replicas ranks a stage.
struct topology topology_of(const struct run *run);
// Gives a stage that takes part so many ranks; bug() when it does not, or there is no room.
void topology_set_ranks(struct topology *topology, const char *role, int ranks);
int topology_ranks(const struct topology *topology, const char *role); // 0: it takes no part

// Who is at the other ends of an edge that `row` has: the stages that connect to it when `row` binds, the one that
// binds when it connects. How many; `groups` has room for TOPOLOGY_STAGES.
int topology_peers(const struct topology *topology, const struct stage_row *row, const struct stage_edge *edge,
                   const struct run *run, bool trains, struct peer_group *groups);

// How many ranks pull what workers make for this edge of the run.
int topology_consumers(const struct run *run, const char *edge);

// The parts of the model that the run trains, in the order of the rows; how many. `part` has room for TOPOLOGY_STAGES.
int topology_parts(const struct topology *topology, const struct model_part **part);

// Whether the run has anything to learn: a loss with a weight above 0.
bool topology_has_loss(const struct topology *topology, const struct run_options *options);

struct share {
    int first, count; // microbatches first … first + count
};
struct share share_of(int microbatches, int rank, int ranks);
int owner_of(int microbatch, int microbatches, int ranks); // the rank; microbatches 0: unknown, and there is one rank
