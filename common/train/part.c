// How a stage's tensors come to be and are measured: the same for every row of the table. The passes over them are the
// stage's; when they are updated, the follower's or the conductor's; how they are kept is part_write.c's.
#include "train/part.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/params/narrow.h"
#include "optim/squares.h"
#include "optim/tuning.h"
#include "run/checkpoint.h"
#include "run/pretrained.h"
#include "train/agree.h"

static struct optimizer_settings optimizer_settings_of_run(const struct run *run) {
    const struct run_options *o = &run->options;
    return (struct optimizer_settings){.kind = o->optimizer,
                                       .beta1 = o->beta1,
                                       .beta2 = o->beta2,
                                       .eps = o->eps,
                                       .weight_decay = o->weight_decay,
                                       .bf16_momentum = o->adafactor_bf16_momentum,
                                       .average_decay = o->ema_decay};
}

// What the model lacks is refused, where no other stage of the table owns it.
static int load_weights(struct part *part, const char *from, bool average) {
    int count;
    const struct model_part **known = stage_parts(&count);
    int status = pretrained_load(part->params, from, average, known, count);
    free(known);
    return status;
}

static int read_checkpoint_files(struct part *part, const struct checkpoint *checkpoint, const char *directory) {
    char *optimizer = xformat("%s/%s.optimizer.safetensors", directory, part->row->part->name);
    char *average_name = xformat("%s.ema.safetensors", part->row->part->name),
         *average = path_join(directory, average_name);
    int status = load_weights(part, directory, false);
    if (!status && part->optimizer) {
        optimizer_start(part->optimizer);
        status = optimizer_read(part->optimizer, optimizer);
        if (!status && optimizer_average(part->optimizer) && checkpoint_file(checkpoint, average_name))
            status = optimizer_average_read(part->optimizer, average);
    }
    free(optimizer);
    free(average_name);
    free(average);
    return status;
}

static int rank_of(const struct part *part) {
    return part->ranks ? ranks_rank(part->ranks) : 0;
}

// One rank reads the files for their checksums.
static int check_checkpoint(const struct part *part, struct checkpoint *checkpoint, const char *directory) {
    int status = checkpoint_read(checkpoint, directory);
    if (status) return status;
    if (checkpoint->model != part->config.fingerprint)
        return error(EXIT_USAGE, "%s holds the weights of another model than model.json", directory);
    char *prefix = xformat("%s.", part->row->part->name);
    if (!rank_of(part)) status = checkpoint_verify(checkpoint, directory, prefix);
    free(prefix);
    return status;
}

static int resume(struct part *part, const char *directory) {
    struct checkpoint checkpoint;
    int status = agree(part->ranks, check_checkpoint(part, &checkpoint, directory), (struct ranks_meanwhile){0});
    return status ? status : read_checkpoint_files(part, &checkpoint, directory);
}

// A head for something else begins anew.
static bool has_other_head(const struct part *part) {
    const char *pretrained = part->run->options.pretrained;
    if (part->row->part != &head_part || !pretrained_has_other_head(pretrained, &part->config.head)) return false;
    note("--pretrained %s has a head for something else; this run's begins anew", pretrained);
    return true;
}

// A resumed run must not look at --pretrained, which run.json still says: the checkpoint has all.
static int fill(struct part *part) {
    const struct run *run = part->run;
    if (run->start.checkpoint[0]) return resume(part, run->start.checkpoint);
    if (run->options.pretrained && !has_other_head(part)) {
        int status = load_weights(part, run->options.pretrained, !part->optimizer);
        if (status) return status;
    } else {
        params_initialize(part->params, (uint64_t)run->options.seed);
    }
    if (part->optimizer) optimizer_start(part->optimizer);
    return 0;
}

static int64_t steps_before_profile(void) {
    const char *steps = getenv("COCA_PROFILE");
    return steps ? atoll(steps) : -1;
}

int part_join(struct part *part, const struct stage_row *row, struct run *run) {
    *part = (struct part){.run = run, .row = row};
    return run_join(run, &part->config);
}

// The caller frees.
static char *device_of(const struct part *part) {
    char *device = run_device(part->run, part->row->device);
    if (!part->ranks || ranks_count(part->ranks) == 1 || strcmp(device, "cuda") != 0) return device;
    free(device);
    return xformat("cuda:%d", ranks_place(part->ranks));
}

int part_open_backend(struct part *part) {
    const struct run *run = part->run;
    const struct stage_row *row = part->row;
    // The contrastive loss computes in f32 whatever the encoders do.
    bool bf16 = run->options.precision == PRECISION_BF16 && !row->conducts;
    part->narrow = run->options.weights == WEIGHTS_INT8 && !row->conducts;
    char *device = device_of(part);
    int status = ops_open(&part->ops, device, bf16 ? DT_BF16 : DT_REAL, run_threads(run, row->threads));
    free(device);
    part->profile_after = steps_before_profile();
    return status;
}

int part_gpu(const struct part *part) {
    char *device = device_of(part);
    const int index = strcmp(part->ops->backend, "cuda") ? -1 : ops_device_index(device);
    free(device);
    return index;
}

int part_open(struct part *part, const struct stage_row *row, struct run *run) {
    int status = part_join(part, row, run);
    return status ? status : part_open_backend(part);
}

// Tensors are divided among ranks in training; elsewhere nobody owns more of them than others.
static struct params *make_params(const struct part *part, bool train) {
    const struct model_part *model = part->row->part;
    if (part->narrow) return params_new_narrow(part->ops, &part->config, model);
    if (train && part->ranks)
        return params_new_divided(part->ops, &part->config, model, rank_of(part), ranks_count(part->ranks));
    return params_new(part->ops, &part->config, model, train);
}

int part_load(struct part *part, bool train) {
    part->params = make_params(part, train);
    part->params->resample = (enum resample)part->run->options.resample;
    part->params->seed = (uint64_t)part->run->options.seed;
    if (part->row->tuning) {
        struct tuning tuning = part->row->tuning(&part->run->options);
        tuning_apply(part->params, &tuning);
    }
    if (train) {
        struct optimizer_settings settings = optimizer_settings_of_run(part->run);
        part->optimizer = optimizer_new(part->params, &settings);
    }
    return fill(part);
}

void part_step(struct part *part) {
    if (part->profile_after-- != 0) return;
    part->ops->finish(part->ops);
    ops_profile_start(part->ops);
    part->profiled_since = clock_seconds();
}

void part_close(struct part *part) {
    if (part->optimizer) optimizer_free(&part->optimizer);
    if (part->params) params_free(&part->params);
    if (part->ops && part->ops->profile) ops_profile_report(part->ops, clock_seconds() - part->profiled_since);
    if (part->ops) ops_close(&part->ops);
    *part = (struct part){0};
}

static struct params *undivided_layout(const struct part *part) {
    return part->narrow ? params_layout_narrow(&part->config, part->row->part)
                        : params_layout(&part->config, part->row->part);
}

struct params *part_layout(const struct part *part) {
    struct params *layout = undivided_layout(part);
    if (part->ranks && !part->narrow) params_layout_deal(layout, rank_of(part), ranks_count(part->ranks));
    return layout;
}

int64_t part_count(const struct part *part) {
    struct params *layout = params_layout(&part->config, part->row->part);
    int64_t count = params_count(layout);
    params_free(&layout);
    return count;
}

// The largest file of a checkpoint, the optimizer's, is written from copies in host memory of what each rank has of it,
// and the first one reads all of it again.
static void add_optimizer(struct memory_bytes *bytes, const struct part *part, struct params *layout) {
    struct optimizer_settings settings = optimizer_settings_of_run(part->run);
    const int64_t whole = optimizer_bytes(layout, &settings);
    if (part->ranks) params_layout_deal(layout, rank_of(part), ranks_count(part->ranks));
    const int64_t own = optimizer_bytes(layout, &settings);
    bytes->device += own;
    bytes->host += own + (rank_of(part) ? 0 : whole);
}

struct memory_bytes part_bytes(const struct part *part, bool train) {
    struct params *layout = undivided_layout(part);
    int64_t weights = params_linear_count(layout);
    struct memory_bytes bytes = {0};
    if (train) add_optimizer(&bytes, part, layout);
    bytes.device += params_bytes(layout, part->ops->dtype, train);
    if (part->narrow) bytes.device += narrow_bytes(layout);
    if (weights) bytes.device += ops_own_bytes(part->ops, weights, part->narrow, train);
    params_free(&layout);
    return bytes;
}

double part_gradient_squares(const struct part *part) {
    double *squares = xcalloc((size_t)part->params->count, sizeof *squares);
    gradient_squares(part->params, squares);
    const double total = squares_total(part->params, squares);
    free(squares);
    return total;
}
