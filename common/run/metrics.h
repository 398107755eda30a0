// metrics.jsonl: one line per step, numbers that read back to the same bits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A loss that a stage reports.
struct metrics_loss {
    const char *name;  // the key is NAME_loss
    const char *count; // the key of the count, or NULL: it is not written
    double loss;       // unweighted; NaN: null, left out of the run
    int64_t counted;
};

enum { METRICS_LOSSES = 8 };
struct metrics {
    int64_t step, samples; // samples: cumulative, this step included
    double loss;
    double contrastive_loss; // as those reported
    struct metrics_loss reported[METRICS_LOSSES];
    int reported_count;
    double logit_scale; // the exponential
    bool biased;        // the model has a logit_bias
    double logit_bias;
    double lr, grad_norm;
    double samples_per_second;
    bool skipped;
};

char *metrics_losses(const struct metrics *metrics); // "contrastive 0.6931, caption 2.3026"; the caller frees
char *metrics_format(const struct metrics *metrics); // one line of JSON without the line end; the caller frees

int metrics_append(const char *path, const struct metrics *metrics); // 0 or -EXIT_RUN

// Keeps the lines whose "step" is below `steps`, of metrics.jsonl or drops.jsonl; a last line cut short goes too. A
// missing file is fine. 0, -EXIT_DATA or -EXIT_RUN.
int jsonl_cut(const char *path, int64_t steps);
// One more than the "step" of the last whole line; 0 when there is none.
int64_t jsonl_steps(const char *path);
