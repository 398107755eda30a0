// The work of a run's five processes in one, without sockets: bench_pipeline.sh compares the two.
//
//     cd RUN_DIRECTORY && bench_pipeline
//
// Makes the steps of the run in the current directory from the beginning, with the libraries and settings of the stages
// and all cores for each of their parts, and writes nothing. Prints samples a second without the first steps, and the
// last step's loss, which must be the run's own.
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The stage's own file, which is in no library.
#include "../../stages/coca-tokenize/sample_text.c"
#include "base/clock.h"
#include "base/fail.h"
#include "image/image.h"
#include "model/contrastive.h"
#include "model/towers/towers.h"
#include "optim/schedule.h"
#include "run/run_model.h"
#include "stage/command.h"
#include "text/tokenizer.h"
#include "train/scalars.h"

enum { WARM_UP = 5, WORKERS = 64 }; // steps left out of the rate, as in bench_pipeline.sh; threads that decode, at most

static struct run run;
static struct part image, text, loss;
static struct image_tower *image_tower;
static struct text_tower *text_tower;
static struct contrastive *contrastive;
static struct sources *sources[WORKERS];
static struct tokenizer *tokenizer;
static struct strings prompts;
static struct view_options view;
static int workers;

static struct batch {
    int64_t G, B, S, T, E, features; // features: bytes of a microbatch's
    int M;
    uint8_t *pixels;
    int32_t *tokens;
    char *feature, *d_feature; // of every microbatch, of one
    float *image, *text, *d_image, *d_text;
} batch;

static double seconds_making, seconds_training;

// ---- before the steps

static int open_data(void) {
    const struct sources_options options = {.directories = run.options.train_data,
                                            .weights = run.options.train_data_weights,
                                            .seed = (uint64_t)run.options.seed,
                                            .order = SOURCES_SHUFFLED,
                                            .needs = (const char *const[]){"image", NULL}};
    char *vocabulary = run_tokenizer(&run);
    int status = tokenizer_open(&tokenizer, vocabulary);
    free(vocabulary);
    if (!status) status = templates_read(&prompts, run.options.prompts);
    workers = omp_get_max_threads() < WORKERS ? omp_get_max_threads() : WORKERS;
    for (int i = 0; i < workers && !status; i++) status = sources_open(&sources[i], &options);
    view = (struct view_options){.kind = VIEW_RANDOM_CROP,
                                 .size = image.config.vision.image_size,
                                 .scale_low = run.options.crop_scale_low,
                                 .scale_high = run.options.crop_scale_high,
                                 .ratio_low = 3.0 / 4,
                                 .ratio_high = 4.0 / 3,
                                 .flip = run.options.flip};
    return status;
}

static int open_parts(void) {
    struct {
        struct part *part;
        const struct stage_row *row;
    } const parts[] = {{&image, &image_row}, {&text, &text_row}, {&loss, &loss_row}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int status = part_open(parts[i].part, parts[i].row, &run);
        if (!status) status = part_load(parts[i].part, true);
        if (status) return status;
    }
    return 0;
}

static void open_batch(void) {
    const struct model_config *config = &image.config;
    struct batch *b = &batch;
    *b = (struct batch){.G = run.options.batch_size,
                        .B = run.options.microbatch,
                        .S = config->vision.image_size,
                        .T = config->text.context_length,
                        .E = config->embed_dim,
                        .M = run_microbatches(&run)};
    b->features = b->B * config_feature_tokens(config) * config->decoder.width * (int64_t)dtype_size(image.ops->dtype);
    b->pixels = xaligned((size_t)(b->G * b->S * b->S * 3));
    b->tokens = xaligned((size_t)(b->G * b->T) * sizeof *b->tokens);
    b->feature = xaligned((size_t)(b->M * b->features));
    b->d_feature = xaligned((size_t)b->features);
    float **const rows[] = {&b->image, &b->text, &b->d_image, &b->d_text};
    for (int i = 0; i < 4; i++) *rows[i] = xaligned((size_t)(b->G * b->E) * sizeof(float));
    struct tower_plan plan = {(int)b->B, b->M, true, false};
    image_tower = image_tower_new(config, image.params, plan);
    text_tower = text_tower_new(config, text.params, plan);
    contrastive = contrastive_new(loss.ops, run_contrastive_kind(&run, &loss.config), b->G, b->E);
}

// ---- a step

static int make_sample(struct sources *from, int64_t first, int64_t row) {
    struct sample sample;
    struct buffer words = {0};
    char reason[IMAGE_REASON];
    int status = sources_read(from, first + row, &sample);
    if (status) return status;
    status = image_view(batch.pixels + row * batch.S * batch.S * 3, &view, sample_key(&sample, SAMPLE_VIEW),
                        sample.record.image.bytes, sample.record.image.size, reason);
    if (sample_text(&words, &sample, &prompts, true)) status = -EXIT_DATA;
    tokenizer_encode(tokenizer, words.bytes, words.size, batch.tokens + row * batch.T, (int)batch.T);
    buffer_release(&words);
    sample_release(&sample);
    return status;
}

static void make_batch(int64_t first) {
    double begun = clock_seconds();
    int failed = 0;
#pragma omp parallel for num_threads(workers) schedule(static) reduction(+ : failed)
    for (int64_t row = 0; row < batch.G; row++) failed += make_sample(sources[omp_get_thread_num()], first, row) != 0;
    if (failed) die(EXIT_DATA, "%d samples are damaged: the run would count them as dropped", failed);
    seconds_making += clock_seconds() - begun;
}

static void forward(int m) {
    const struct batch *b = &batch;
    int64_t row = m * b->B;
    image_tower_forward(image_tower, m, (int)b->B, b->pixels + row * b->S * b->S * 3, b->feature + m * b->features,
                        b->image + row * b->E);
    if (text_tower_forward(text_tower, m, (int)b->B, b->tokens + row * b->T, b->text + row * b->E))
        die(EXIT_DATA, "tokens are refused");
}

// Returns −Σ log p.
static double backward(int m, double scale) {
    const struct batch *b = &batch;
    int64_t row = m * b->B;
    struct caption_result caption =
        text_tower_caption(text_tower, m, b->feature + m * b->features, scale, b->d_feature, NULL);
    image_tower_backward(image_tower, m, b->d_feature, b->d_image + row * b->E);
    text_tower_backward(text_tower, m, b->d_text + row * b->E);
    return caption.nll;
}

static void update(double lr) {
    struct part *const parts[] = {&image, &text, &loss};
    double squares = 0;
    for (int i = 0; i < 3; i++) squares += part_gradient_squares(parts[i]);
    double limit = run.options.clip_norm, clip = limit > 0 ? fmin(1, limit / (sqrt(squares) + 1e-6)) : 1;
    optimizer_step(image.optimizer, lr, clip);
    optimizer_step(text.optimizer, lr, clip);
    scalars_step(&loss, lr, clip);
    for (int i = 0; i < 3; i++) params_zero_gradient(parts[i]->params);
}

static double train_step(double lr) {
    const struct batch *b = &batch;
    double begun = clock_seconds(), nll = 0;
    int64_t targets = text_targets(&text.config, b->tokens, (int)b->G);
    for (int m = 0; m < b->M; m++) forward(m);
    struct contrastive_result result =
        contrastive_run(contrastive, b->image, b->text, scalars_read(&loss), run.options.contrastive_weight,
                        (enum contrastive_convention)run.options.contrastive, b->d_image, b->d_text);
    scalars_set_gradient(&loss, &result);
    for (int m = 0; m < b->M; m++) nll += backward(m, run.options.caption_weight / (double)targets);
    update(lr);
    seconds_training += clock_seconds() - begun;
    return run.options.contrastive_weight * result.loss + run.options.caption_weight * nll / (double)targets;
}

static void run_steps(void) {
    const struct schedule schedule = {
        .kind = run.options.schedule, .base = run.options.lr, .warmup = run.options.warmup, .steps = run.start.steps};
    double last = 0;
    for (int64_t step = 0; step < schedule.steps; step++) {
        if (step == WARM_UP) seconds_making = seconds_training = 0;
        make_batch(step * batch.G);
        last = train_step(schedule_rate(&schedule, step, 0));
    }
    double seconds = seconds_making + seconds_training;
    printf("%.2f %.9g %.4f\n", (double)((schedule.steps - WARM_UP) * batch.G) / seconds, last,
           seconds_making / seconds);
}

static int bench(void *context, const struct strings *operands) {
    (void)context;
    (void)operands;
    int status = open_parts();
    if (!status) status = open_data();
    if (status) return status;
    if (run.start.steps <= WARM_UP) return error(EXIT_USAGE, "the run has no more than %d steps", WARM_UP);
    open_batch();
    run_steps();
    return 0;
}

int main(int argc, char **argv) {
    struct option_table *const tables[] = {&run.table, NULL};
    const struct tool tool = {.name = "bench_pipeline",
                              .summary = "the steps of a run in one process",
                              .manual = "Prints samples a second, the last loss and the share of making data.",
                              .tables = tables,
                              .run = bench};
    run_init(&run, NULL);
    return tool_main(&tool, argc, argv);
}
