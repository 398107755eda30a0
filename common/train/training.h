// A run in progress, as loss keeps it. Private to the conductor files.
#pragma once

#include "optim/schedule.h"
#include "run/drops.h"
#include "run/incidents.h"
#include "run/metrics.h"
#include "stage/progress.h"
#include "train/gather.h"
#include "train/orders.h"
#include "train/reports.h"

struct training {
    struct conductor *conductor;
    struct gather *gather; // NULL without the contrastive loss
    struct drops *drops;
    struct incidents *incidents; // from which the run goes on; NULL: none
    struct progress *progress;
    struct schedule schedule;
    int64_t step, samples;        // steps taken, samples seen (n)
    double elapsed_before, begun; // seconds before this start; when this start began
    double step_begun;            // when the step began
    int64_t samples_here;         // seen by this start
    int skipped;                  // steps in a row
    int signal;                   // that asked for the end, or 0
};

double training_elapsed(const struct training *training);      // seconds, those before a resume included
int64_t training_done(const struct training *training);        // for the progress: steps, or seconds by the clock
bool training_is_out_of_time(const struct training *training); // the ceiling of its steps is reached
// Whether the run ends with so many steps taken: they are all, or its time is up.
bool training_is_over(const struct training *training, int64_t steps);

// One step, from `step` to `metrics`. *last: no other follows. 0 or -exit_code.
int training_step(struct training *training, bool *last);

// After the update of `order`, with training->step counting it: takes the followers' files and commits a checkpoint, as
// `scale` says. 0 or -exit_code.
int training_keep(const struct training *training, const struct step_order *order, const struct scale_order *scale);
int training_dump(const struct training *training); // loss's own part of --dump, before the update. 0 or -EXIT_RUN
int training_join_dump(const struct training *training, const struct metrics *metrics); // after all parts are written
