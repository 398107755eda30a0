// What the options of a run mean together: what contradicts, and what follows from several of them. A stage joins the
// run here in its `prepare`; the rows of the options stand in run_options.c, run.json is read in run_json.c.
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "run/run_json.h"
#include "run/run_model.h"
#include "stage/stage.h"

void run_init(struct run *run) {
    *run = (struct run){.table = run_options_table(&run->options)};
}

int run_join(struct run *run, struct model_config *config) {
    int status = run_json_read(run);
    if (!status) status = run_check(run);
    if (!status) status = run_model_read(run, config);
    if (!status) stage_identify(run->start.id, config->fingerprint);
    return status;
}

int run_check(struct run *run) {
    struct run_options *o = &run->options;
    if (o->microbatch == 0) o->microbatch = o->batch_size;
    if (o->caption_weight == 0 && o->contrastive_weight == 0)
        return error(EXIT_USAGE, "both loss weights are 0: nothing to train");
    if (o->crop_scale_low > o->crop_scale_high) return error(EXIT_USAGE, "--aug-scale-low is above --aug-scale-high");
    if (o->seconds > 0 && o->warmup >= 1)
        return error(EXIT_USAGE, "with --seconds, --warmup is a share of the time: below 1, not %g", o->warmup);
    return 0;
}

int run_check_batch(const struct run *run) {
    const struct run_options *o = &run->options;
    if (o->batch_size % o->microbatch)
        return error(EXIT_USAGE, "--batch-size %lld is no multiple of --microbatch %lld", (long long)o->batch_size,
                     (long long)o->microbatch);
    return 0;
}

int run_check_length(const struct run *run) {
    const struct run_options *o = &run->options;
    int given = (o->steps > 0) + (o->seconds > 0) + (o->epochs > 0);
    if (given == 1) return 0;
    return error(EXIT_USAGE, "give one of --steps, --seconds and --epochs (%s)",
                 given ? "several were given" : "none was given");
}

bool run_trains(const struct run *run) {
    const struct run_options *o = &run->options;
    return !o->evaluate && (o->control || o->features_grad || o->embeddings_grad);
}

int run_microbatches(const struct run *run) {
    const struct run_options *o = &run->options;
    return o->batch_size > o->microbatch ? (int)(o->batch_size / o->microbatch) : 1;
}

// The side's half of "IMAGE,TEXT"; a value without a comma is for both. The caller frees.
static char *half_of(const char *pair, bool image) {
    const char *comma = strchr(pair, ',');
    if (!comma) return xstrdup(pair);
    return image ? xstrndup(pair, (size_t)(comma - pair)) : xstrdup(comma + 1);
}

char *run_device(const struct run *run, bool image) {
    return half_of(run->options.device, image);
}

int run_threads(const struct run *run, bool image) {
    if (!run->options.threads) return 0;
    char *threads = half_of(run->options.threads, image);
    int count = atoi(threads);
    free(threads);
    return count;
}
