// loss's side of the protocol: conducts the steps of a run (design section 4).
#pragma once

#include "run/results.h"
#include "train/edges.h"
#include "train/part.h"

struct conductor {
    struct hub *hub;
    struct part *part; // the loss's scalars
    const struct topology *topology;
    struct edge *control;
    struct edge *embeddings, *embeddings_grad; // NULL without the contrastive loss
};

// Trains from the run's start to its end: the last step, the time, a signal. 0 or -exit_code.
int conductor_train(struct conductor *conductor);

// Losses without gradients over held-out data, to its end; says them as a result. 0 or -exit_code.
int conductor_evaluate(struct conductor *conductor, const struct results_options *results);

// The contrastive loss of recorded embeddings, from --first-step up to --steps or to their end: a JSON line a step on
// stdout. Without control. 0 or -exit_code.
int conductor_alone(struct conductor *conductor);

struct memory_bytes conductor_bytes(const struct part *part, bool train); // of the gathered batch
