// A loss is a mean over the whole batch, so followers send sums and counts of their own microbatches and only here,
// where all of them are, is divided. The order of adding is that of the microbatches, whatever order the reports come
// in: float sums depend on it.
#include "train/reports.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "train/orders.h"

static void add_losses(struct reports *reports, const struct conductor *conductor, const struct stage_row *row) {
    if (!topology_ranks(conductor->topology, row->role)) return;
    for (int k = 0; k < row->loss_count; k++) {
        if (reports->count == METRICS_LOSSES) bug("more than %d losses", METRICS_LOSSES);
        reports->loss[reports->count].row = row;
        reports->loss[reports->count].of = &row->losses[k];
        reports->loss[reports->count++].weight = row->losses[k].weight(&conductor->part->run->options);
    }
}

void reports_begin(struct reports *reports, const struct conductor *conductor) {
    *reports = (struct reports){.count = 0};
    for (const struct stage_row *const *row = stage_rows; *row; row++) add_losses(reports, conductor, *row);
}

// One loss of one microbatch.
static int take_one(struct reports *reports, const struct conductor *conductor, int i, const struct step_order *order,
                    int m, int64_t *samples) {
    const char *role = reports->loss[i].row->role;
    const struct address from = {role, owner_of(m, order->microbatches, topology_ranks(conductor->topology, role))};
    struct loss_report report;
    struct message *message;
    int status = orders_hear(conductor, from, WORD_REPORT, order->step, m, &message);
    if (status) return status;
    status = report_unpack(message, &report);
    if (!status && strcmp(report.name, reports->loss[i].of->name))
        status = error(EXIT_RUN, "step %" PRId64 ", microbatch %d: %s %d reports %s where %s is due", order->step, m,
                       role, from.rank, report.name, reports->loss[i].of->name);
    reports->loss[i].sum += report.sum;
    reports->loss[i].count += report.count;
    *samples += message->unit.samples;
    message_free(&message);
    return status;
}

// One loss of the step, which is over all its samples.
static int take_loss(struct reports *reports, const struct conductor *conductor, int i,
                     const struct step_order *order) {
    int64_t samples = 0;
    int status = 0;
    for (int m = 0; m < order->microbatches && !status; m++)
        status = take_one(reports, conductor, i, order, m, &samples);
    if (!status && reports->reported && samples != reports->samples)
        status = error(EXIT_RUN, "step %" PRId64 ": %s is reported of %" PRId64 " samples, other losses of %" PRId64,
                       order->step, reports->loss[i].of->name, samples, reports->samples);
    reports->reported = true;
    reports->samples = samples;
    return status;
}

int reports_take(struct reports *reports, const struct conductor *conductor, const struct step_order *order) {
    int status = 0;
    for (int i = 0; i < reports->count && !status; i++)
        if (reports->loss[i].weight > 0) status = take_loss(reports, conductor, i, order);
    return status;
}

double reports_mean(const struct reports *reports, int i) {
    if (reports->loss[i].weight == 0) return NAN;
    return reports->loss[i].count ? reports->loss[i].sum / (double)reports->loss[i].count : 0;
}

double reports_total(const struct reports *reports) {
    double total = 0;
    for (int i = 0; i < reports->count; i++)
        if (reports->loss[i].weight > 0) total += reports->loss[i].weight * reports_mean(reports, i);
    return total;
}
