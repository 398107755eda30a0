// coca-decode: pictures in, pixels out. The manual page is below. A worker of the images edge: it answers requests for
// microbatches, each by itself, so any number may run, die and come back. Which record sample n is, dataset/sources.c
// says; what is seen of it, image/view.c; asking and answering is worker/'s. Here they are joined, and a picture that
// cannot be had becomes grey, with its reason beside.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/load.h"
#include "image/augment.h"
#include "image/image.h"
#include "run/run.h"
#include "run/samples.h"
#include "stage/option_rows.h"
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
    "An answer depends on (s, m) and the data alone, so any number of workers may serve one edge, and come and go.\n"
    "Training takes the samples of the plan (--train-data, --train-data-weights, --seed) with random crops and\n"
    "flips, and with --rand-augment-layers RandAugment behind them: torchvision's 14 operations, each to Pillow's\n"
    "bytes, drawn by the sample and the seed alone. --data takes a dataset once, in order, and --list pictures by\n"
    "path, both with open_clip's evaluation transform: the centre crop, or what preprocess_cfg of\n"
    "open_clip_config.json says (resize_mode, interpolation, fill_color). JPEG, PNG and WebP are decoded, of an\n"
    "animated WebP the first frame, of an animated PNG its default image, and turned upright by EXIF. Bytes beside\n"
    "the data of a JPEG do no harm, but data that is lost does. Transparent pictures lie on white, but a model of\n"
    "open_clip's family sees the colours stored under the transparency, as open_clip's loaders do. On a recording\n"
    "(file:PATH or -) it makes steps --first-step up to --steps in order, or the whole pass. One process computes\n"
    "with one thread; start more for more.\n"
    "\n"
    "Examples:\n"
    "  coca-decode --images file:images.rec --train-data data/clipart/train --model coca_tiny --steps 2\n"
    "  ls -d \"$PWD\"/*.jpg >list; touch list.closed; coca-decode --images - --list list | coca-tap watch -\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage, 3 a dataset or list that is damaged, 4 the consumer was lost.";

enum { GREY = 128 }; // of a picture that could not be had or is not to be seen

// Of the run's options.
static const char used[] =
    "model pretrained image-size train-data train-data-weights val-data seed aug-scale-low aug-scale-high aug-flip "
    "rand-augment-layers rand-augment-magnitude blank-images "
    "batch-size microbatch steps first-step evaluate images";

struct decode {
    struct run run;
    struct worker_options samples;
    struct {
        char *root;
        int64_t max_picture_bytes;
    } own;
    struct worker worker;
    struct view_options view;
    struct augment_options augment;
    uint8_t *scratch;      // for augmentation: the bytes of a row
    struct buffer picture; // read from a path
};

#define FIELD(member) offsetof(__typeof__(((struct decode *)0)->own), member)
static const struct option own_rows[] = {
    TEXT("root", root, "DIR", NULL, "folder that relative paths of --list are under; without it the run directory",
         OPTION_LOCAL),
    INT("max-picture-bytes", max_picture_bytes, "BYTES", "256M", 1, RECORD_BYTES_LIMIT,
        "a larger file is not read and has a grey row, as what does not decode", OPTION_LOCAL),
};

static struct view_options view_of(const struct decode *decode, const struct model_config *model) {
    static const enum view_kind kinds[] = {
        [RESIZE_SHORTEST] = VIEW_CENTRE_CROP, [RESIZE_LONGEST] = VIEW_LONG_SIDE, [RESIZE_SQUASH] = VIEW_SQUASH};
    static const enum image_filter filters[] = {[INTERPOLATION_BICUBIC] = FILTER_BICUBIC,
                                                [INTERPOLATION_BILINEAR] = FILTER_BILINEAR,
                                                [INTERPOLATION_RANDOM] = FILTER_BICUBIC};
    const struct run_options *o = &decode->run.options;
    const bool trains = worker_trains(&decode->worker);
    return (struct view_options){.kind = trains ? VIEW_RANDOM_CROP : kinds[model->preprocess.resize],
                                 .size = model->vision.image_size,
                                 .scale_low = o->crop_scale_low,
                                 .scale_high = o->crop_scale_high,
                                 .ratio_low = 3.0 / 4,
                                 .ratio_high = 4.0 / 3,
                                 .flip = o->flip,
                                 .filter = trains ? FILTER_BICUBIC : filters[model->preprocess.interpolation],
                                 .fill = (uint8_t)model->preprocess.fill,
                                 .drops_alpha = model->family == FAMILY_OPEN_CLIP};
}

static struct augment_options augment_of(const struct decode *decode) {
    const struct run_options *o = &decode->run.options;
    return (struct augment_options){.layers = worker_trains(&decode->worker) ? (int)o->rand_augment_layers : 0,
                                    .level = (int)o->rand_augment_magnitude};
}

// Bytes of the largest decoded picture among the first samples, which stand for all: headers of millions are not read.
static int64_t largest_picture(struct sources *sources) {
    enum { LOOKED_AT = 64 };
    int64_t largest = 0, samples = 0;
    bool growing;
    if (sources_count(sources, &samples, &growing)) return 0;
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

static int prepare(void *context, const struct strings *operands) {
    static const char *const needs[] = {"image", NULL};
    struct decode *decode = context;
    struct worker *worker = &decode->worker;
    struct model_config model;
    (void)operands;
    int status = run_join(&decode->run, &model);
    if (!status) status = worker_open(worker, SOURCES_IN_ORDER, needs);
    if (status) return status;
    decode->view = view_of(decode, &model);
    decode->augment = augment_of(decode);
    worker->address = decode->run.options.images;
    worker->row_bytes = 3LL * decode->view.size * decode->view.size;
    decode->scratch = xmalloc((size_t)worker->row_bytes);
    if (!decode->samples.list) worker->sample_bytes = largest_picture(worker->sources);
    return 0;
}

static void *add_pixels(void *context, struct message *message, int samples) {
    const int size = ((const struct decode *)context)->view.size;
    return message_add(message, TENSOR_PIXELS, DT_U8, SHAPE(samples, size, size, 3));
}

// Frees the defect; NULL: there is none.
static int take_defect(char *defect, char reason[WORKER_REASON]) {
    if (!defect) return 0;
    snprintf(reason, WORKER_REASON, "%s", defect);
    free(defect);
    return -EXIT_DATA;
}

static int load_picture(struct decode *decode, const char *line, struct span *bytes, char reason[WORKER_REASON]) {
    struct buffer *picture = &decode->picture;
    char *path = path_join(decode->own.root ? decode->own.root : ".", line);
    char *defect = load_file(picture, path, (size_t)decode->own.max_picture_bytes, "max-picture-bytes");
    *bytes = (struct span){picture->bytes, picture->size};
    free(path);
    return take_defect(defect, reason);
}

static int find_in_record(const struct decode *decode, const struct sample *sample, struct span *bytes,
                          char reason[WORKER_REASON]) {
    const size_t limit = (size_t)decode->own.max_picture_bytes;
    *bytes = sample->record.image;
    if (bytes->size > limit) return take_defect(load_too_large(bytes->size, limit, "max-picture-bytes"), reason);
    if (bytes->size) return 0;
    return take_defect(xstrdup(*sample->reason ? sample->reason : "the record has no picture"), reason);
}

// The sample's encoded bytes. 0, or -EXIT_DATA with `reason`.
static int find_picture(struct decode *decode, const struct sample *sample, struct span *bytes,
                        char reason[WORKER_REASON]) {
    return sample->line ? load_picture(decode, sample->line, bytes, reason)
                        : find_in_record(decode, sample, bytes, reason);
}

static int make_view(struct decode *decode, uint8_t *pixels, const struct sample *sample, struct span bytes,
                     char reason[WORKER_REASON]) {
    const struct view_options *view = &decode->view;
    int status = image_view(pixels, view, sample_key(sample, SAMPLE_VIEW), bytes.bytes, bytes.size, reason);
    if (!status)
        image_augment(pixels, view->size, &decode->augment, sample_key(sample, SAMPLE_AUGMENT), decode->scratch);
    return status;
}

static void make(void *context, void *tensor, int row, const struct sample *sample, char dropped[WORKER_REASON]) {
    struct decode *decode = context;
    const size_t row_bytes = (size_t)decode->worker.row_bytes;
    uint8_t *pixels = (uint8_t *)tensor + (size_t)row * row_bytes;
    struct span bytes;
    if (decode->run.options.blank_images) {
        memset(pixels, GREY, row_bytes);
        return;
    }
    int status = find_picture(decode, sample, &bytes, dropped);
    if (!status) status = make_view(decode, pixels, sample, bytes, dropped);
    if (status) memset(pixels, GREY, row_bytes);
}

static int run(void *context, struct hub *hub) {
    return worker_run(&((struct decode *)context)->worker, hub);
}

static void release(void *context) {
    struct decode *decode = context;
    worker_close(&decode->worker);
    free(decode->scratch);
    buffer_release(&decode->picture);
}

int main(int argc, char **argv) {
    struct decode decode = {.worker = {.run = &decode.run,
                                       .options = &decode.samples,
                                       .edge = "images",
                                       .context = &decode,
                                       .add = add_pixels,
                                       .make = make}};
    struct option_table own = OPTION_TABLE(own_rows, &decode.own), samples = worker_options_table(&decode.samples);
    struct option_table *const tables[] = {&own, &samples, &decode.run.table, NULL};
    const struct stage stage = {.name = "coca-decode",
                                .summary = "pictures in, pixels out",
                                .manual = manual,
                                .tables = tables,
                                .context = &decode,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    run_init(&decode.run, used);
    return stage_main(&stage, argc, argv);
}
