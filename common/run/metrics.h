// metrics.jsonl: one line per step, numbers that read back to the same bits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct metrics {
    int64_t step, samples;                       // samples: cumulative, this step included
    double loss, contrastive_loss, caption_loss; // the latter two unweighted; NaN: null, left out of the model
    double logit_scale;                          // the exponential
    double lr, grad_norm;
    int64_t targets;
    double samples_per_second;
    bool skipped;
};

char *metrics_format(const struct metrics *metrics); // one line of JSON without the line end; the caller frees

int metrics_append(const char *path, const struct metrics *metrics); // 0 or -EXIT_RUN

// Keeps the lines whose "step" is below `steps`, of metrics.jsonl or drops.jsonl; a last line cut short goes too. A
// missing file is fine. 0, -EXIT_DATA or -EXIT_RUN.
int jsonl_cut(const char *path, int64_t steps);
