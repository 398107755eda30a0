// coca-decode: pictures in, pixels out. The manual page is below. A worker of the images edge: it answers requests for
// microbatches, each by itself, so any number may run, die and come back. Which record sample n is, dataset/sources.c
// says; what is seen of it, image/view.c; asking and answering is worker/'s. Here they are joined, and a picture that
// cannot be had becomes grey, with its reason beside.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "coca-decode/picture_file.h"
#include "dataset/sources.h"
#include "image/image.h"
#include "run/run_data.h"
#include "run/run_model.h"
#include "run/run_options.h"
#include "run/samples.h"
#include "stage/stage.h"
#include "worker/worker.h"

static const char manual[] =
    "Decodes, crops and resizes pictures. Of the images edge it serves, microbatch (s, m) of B samples holds\n"
    "\n"
    "  pixels  u8 [B,S,S,3]  RGB, S the model's image size\n"
    "  ids     i64 [B]       source << 48 | record; of --list the line, from 0\n"
    "  names   B strings     of --list: its lines\n"
    "  drops   strings       a JSON object for each picture that could not be had: edge, id, source, record, reason.\n"
    "                        Its row is grey.\n"
    "\n"
    "An answer depends on (s, m) and the data alone, so any number of workers may serve one edge, and come and\n"
    "go. Training takes the samples of the plan (--train-data, --train-data-weights, --seed) with random crops;\n"
    "--data takes a dataset once, in order, and --list pictures by path, both with open_clip's evaluation\n"
    "transform: the centre crop, or what preprocess_cfg of open_clip_config.json says (resize_mode,\n"
    "interpolation, fill_color). Pictures are turned upright by EXIF. Transparent ones lie on white, but a model\n"
    "of open_clip's family sees the colours stored under the transparency, as open_clip's loaders do. On a\n"
    "recording (file:PATH or -) it makes steps --first-step up to --steps in order, or the whole pass. One\n"
    "process computes with one thread; start more for more.\n"
    "\n"
    "Examples:\n"
    "  coca-decode --images file:images.rec --train-data data/clipart/train --model coca_tiny --steps 2\n"
    "  ls -d \"$PWD\"/*.jpg >list; touch list.closed; coca-decode --images - --list list | coca-tap watch -\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage, 3 a dataset or list that is damaged, 4 the consumer was lost.";

enum { GREY = 128 }; // of a picture that could not be had

static struct { char *root; } own;
static const struct option own_rows[] = {
    {"root", OPTION_TEXT, offsetof(__typeof__(own), root), "DIR", NULL, 0, 0,
     "folder that relative paths of --list are under; without it the run directory", OPTION_LOCAL},
};

enum { OWN, WORKER, RUN, TABLES };
static struct option_table tables[TABLES] = {[OWN] = {own_rows, sizeof own_rows / sizeof *own_rows, &own, NULL}};

static struct sources *sources;
static struct view_options view;
static struct buffer picture; // read from a path

static int open_sources(void) {
    static const char *const needs[] = {"image", NULL};
    const bool trains = worker_trains();
    uint64_t expected[PLAN_SOURCES];
    int expected_count = 0;
    int status = worker_trains() ? run_data_fingerprints(expected, PLAN_SOURCES, &expected_count) : 0;
    if (status) return status;
    const struct sources_options options = {
        .list = worker_options.list,
        .directories = worker_data(),
        .weights = trains ? run_options.train_data_weights : NULL,
        .seed = (uint64_t)run_options.seed,
        .order = trains ? SOURCES_SHUFFLED : SOURCES_IN_ORDER,
        .expected = expected,
        .expected_count = expected_count,
        .needs = needs,
    };
    return sources_open(&sources, &options);
}

static int prepare(const struct strings *operands) {
    static const enum view_kind kinds[] = {
        [RESIZE_SHORTEST] = VIEW_CENTRE_CROP, [RESIZE_LONGEST] = VIEW_LONG_SIDE, [RESIZE_SQUASH] = VIEW_SQUASH};
    static const enum image_filter filters[] = {[INTERPOLATION_BICUBIC] = FILTER_BICUBIC,
                                                [INTERPOLATION_BILINEAR] = FILTER_BILINEAR,
                                                [INTERPOLATION_RANDOM] = FILTER_BICUBIC};
    struct model_config model;
    (void)operands;
    int status = run_join(&model, &tables[RUN]);
    if (status) return status;
    view = (struct view_options){.kind = worker_trains() ? VIEW_RANDOM_CROP : kinds[model.preprocess.resize],
                                 .size = model.vision.image_size,
                                 .scale_low = run_options.crop_scale_low,
                                 .scale_high = run_options.crop_scale_high,
                                 .ratio_low = 3.0 / 4,
                                 .ratio_high = 4.0 / 3,
                                 .flip = run_options.flip,
                                 .filter = worker_trains() ? FILTER_BICUBIC : filters[model.preprocess.interpolation],
                                 .fill = (uint8_t)model.preprocess.fill,
                                 .drops_alpha = model.family == FAMILY_OPEN_CLIP};
    return open_sources();
}

static void *add_pixels(struct message *message, int samples) {
    return message_add(message, TENSOR_PIXELS, DT_U8, SHAPE(samples, view.size, view.size, 3));
}

// The sample's encoded bytes. 0, or -EXIT_DATA with `reason`.
static int find_picture(const struct sample *sample, struct span *bytes, char reason[WORKER_REASON]) {
    if (sample->line) {
        char *path = path_join(own.root ? own.root : ".", sample->line);
        int status = picture_file_read(path, &picture, reason);
        free(path);
        *bytes = (struct span){picture.bytes, picture.size};
        return status;
    }
    *bytes = sample->record.image;
    if (bytes->size) return 0;
    snprintf(reason, WORKER_REASON, "%s", *sample->reason ? sample->reason : "the record has no picture");
    return -EXIT_DATA;
}

static void make_view(uint8_t *pixels, const struct sample *sample, char reason[WORKER_REASON]) {
    struct span bytes;
    int status = find_picture(sample, &bytes, reason);
    if (!status) status = image_view(pixels, &view, sample_key(sample, SAMPLE_VIEW), bytes.bytes, bytes.size, reason);
    if (status) memset(pixels, GREY, (size_t)view.size * (size_t)view.size * 3);
}

static int make(void *tensor, int row, int64_t n, struct worker_row *about) {
    struct sample sample;
    uint8_t *pixels = (uint8_t *)tensor + (size_t)row * (size_t)view.size * (size_t)view.size * 3;
    int status = sources_read(sources, n, &sample);
    if (status) return status;
    about->id = sample.id;
    about->name = sample.line;
    make_view(pixels, &sample, about->dropped);
    sample_release(&sample);
    return 0;
}

static int count(int64_t *samples, bool *growing) {
    return sources_count(sources, samples, growing);
}

static int filled(int64_t first, int samples, int *left) {
    return sources_filled(sources, first, samples, left);
}

// Bytes of the largest decoded picture among the first samples, which stand for all: headers of millions are not read.
static int64_t largest_picture(void) {
    enum { LOOKED_AT = 64 };
    int64_t largest = 0, samples = 0;
    bool growing;
    if (worker_options.list || sources_count(sources, &samples, &growing)) return 0;
    for (int64_t n = 0; n < samples && n < LOOKED_AT; n++) {
        struct sample sample;
        struct image_header header;
        char reason[IMAGE_REASON];
        if (sources_read(sources, n, &sample)) break;
        const struct span bytes = sample.record.image;
        if (bytes.size && !image_read_header(&header, bytes.bytes, bytes.size, reason) &&
            largest < 3LL * header.width * header.height)
            largest = 3LL * header.width * header.height;
        sample_release(&sample);
    }
    return largest;
}

static int run(struct hub *hub) {
    const struct worker worker = {.edge = "images",
                                  .address = run_options.images,
                                  .row_bytes = 3LL * view.size * view.size,
                                  .sample_bytes = largest_picture(),
                                  .count = count,
                                  .filled = filled,
                                  .add = add_pixels,
                                  .make = make};
    return worker_run(hub, &worker);
}

static void release(void) {
    if (sources) sources_close(&sources);
    buffer_release(&picture);
}

int main(int argc, char **argv) {
    static const struct stage stage = {
        .name = "coca-decode",
        .summary = "pictures in, pixels out",
        .manual = manual,
        .tables = tables,
        .table_count = TABLES,
        .prepare = prepare,
        .run = run,
        .close = release,
    };
    tables[WORKER] = worker_options_table;
    tables[RUN] = run_options_table;
    return stage_main(&stage, argc, argv);
}
