// The losses that followers report, gathered by loss.
#pragma once

#include "run/metrics.h"
#include "train/conductor.h"

// Of one step: what every stage of the table can report, in its order.
struct reports {
    struct {
        const struct stage_row *row;
        const struct stage_loss *of;
        double weight; // 0: the run is without it
        double sum;    // over the microbatches, in ascending m
        int64_t count;
    } loss[METRICS_LOSSES];
    int count;
    bool reported;   // the run has a loss that a stage reports
    int64_t samples; // of the step, as the stages that report say
};
void reports_begin(struct reports *reports, const struct conductor *conductor);
// Takes the reports of all microbatches of the step; a stage reports the losses of one microbatch in the order of its
// row. 0 or -exit_code.
int reports_take(struct reports *reports, const struct conductor *conductor, const struct step_order *order);
// sum / count; 0 over nothing, NaN where the run is without it.
double reports_mean(const struct reports *reports, int i);
double reports_total(const struct reports *reports); // Σ weight·mean of those that the run has
