// coca-decode: pictures in, pixels out. The manual page is below. A worker of the images edge: it answers requests for
// microbatches, each by itself, so any number may run, die and come back. Which record sample n is, dataset/sources.c
// says; which of its bytes are shown, encoded.c; what is seen of them, show.c; asking and answering is worker/'s. Here
// they are joined, and what cannot be had becomes grey, with its reason beside.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "coca-decode/show.h"
#include "image/video_backend.h"
#include "run/run.h"
#include "run/run_model.h"
#include "run/samples.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "train/topology.h"
#include "worker/views.h"
#include "worker/worker.h"

static const char manual[] =
    "Decodes, crops and resizes pictures. Of the images edge it serves, microbatch (s, m) of B samples holds\n"
    "\n"
    "  pixels  u8 [B,S,S,3]  RGB, S the model's image size; [B,F,S,S,3] where a sample has F > 1 pictures\n"
    "  ids     i64 [B]       source << 48 | record; of --list the line, from 0; the same for all views of a record\n"
    "  names   B strings     of --list: its lines, with --extents their NAMEs\n"
    "  drops   strings       a JSON object for each picture that could not be had: edge, id, source, record, reason.\n"
    "                        Its row is grey.\n"
    "\n"
    "An answer depends on (s, m) and the data alone, so any number of workers may serve one edge, and come and go.\n"
    "Training takes the samples of the plan (--train-data, --train-data-weights, --seed) with random crops and\n"
    "flips, and with --rand-augment-layers RandAugment behind them: torchvision's 14 operations, each to Pillow's\n"
    "bytes, drawn by the sample and the seed alone. --data takes a dataset once, in order, and --list pictures by\n"
    "path, or with --extents by lines OFFSET LENGTH NAME TAB PATH, stretches of files; both with open_clip's\n"
    "evaluation transform: the centre crop, or what preprocess_cfg of\n"
    "open_clip_config.json says (resize_mode, interpolation, fill_color). JPEG, PNG and WebP are decoded, of an\n"
    "animated WebP the first frame, of an animated PNG its default image, and turned upright by EXIF. Bytes beside\n"
    "the data of a JPEG do no harm, but data that is lost does. Transparent pictures lie on white, but a model of\n"
    "open_clip's family sees the colours stored under the transparency, as open_clip's loaders do. On a recording\n"
    "(file:PATH or -) it makes steps --first-step up to --steps in order, or the whole pass. One process computes\n"
    "with one thread; start more for more.\n"
    "\n"
    "F is the pictures that the head of a run's task takes, else --frames, else 1. Frames of a video (mp4, webm, mkv, avi,\n"
    "mov, told by their bytes, decoded by FFmpeg: lib/" VIDEO_OBJECT ") or of a record's `images` are those that\n"
    "--sampling says; a single picture stands F times, and one frame of a video is its middle one. The two pictures of\n"
    "nlvr2 are a record's `images` as they are, and must be two. Crop, flip and RandAugment are the same for all\n"
    "pictures of a sample. A pass may take several views of each record, --clips times --crops, as consecutive samples.\n"
    "A video that is cut or broken where it is wanted is a drop, with the number of frames that could be had.\n"
    "\n"
    "Examples:\n"
    "  coca-decode --images file:images.rec --train-data data/clipart/train --model coca_tiny --steps 2\n"
    "  ls -d \"$PWD\"/*.jpg >list; touch list.closed; coca-decode --images - --list list | coca-tap watch -\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage, 3 a dataset or list that is damaged, 4 the consumer was lost.";

enum { GREY = 128 }; // of a picture that could not be had or is not to be seen

// Of the run's options.
static const char used[] =
    "model pretrained image-size train-data train-data-weights val-data seed shuffle cache cache-gib remote-retries "
    "remote-timeout aug-scale-low aug-scale-high aug-flip rand-augment-layers rand-augment-magnitude blank-images "
    "task frames sampling batch-size microbatch steps first-step evaluate images control";

struct decode {
    struct run run;
    struct worker_options samples;
    struct {
        char *root;
        int64_t max_picture_bytes;
        bool extents;
    } own;
    struct worker_views views;
    struct worker worker;
    struct show show;
    struct encoded_options encoded;
    struct open_files files; // of --extents
    struct buffer file;      // read from a path
};

#define FIELD(member) offsetof(__typeof__(((struct decode *)0)->own), member)
static const struct option own_rows[] = {
    TEXT("root", root, "DIR", NULL, "folder that relative paths of --list are under; without it the run directory",
         OPTION_LOCAL),
    INT("max-picture-bytes", max_picture_bytes, "BYTES", "256M", 1, RECORD_BYTES_LIMIT,
        "a larger file is not read and has a grey row, as what does not decode", OPTION_LOCAL),
    FLAG(
        "extents", extents,
        "lines of --list are OFFSET LENGTH NAME TAB PATH: so many bytes of a file from there on, and NAME for the line",
        OPTION_LOCAL),
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

static struct show show_of(const struct decode *decode, const struct model_config *model) {
    const struct run_options *o = &decode->run.options;
    return (struct show){.count = run_pictures(&decode->run, model),
                         .apart = o->task != TASK_NONE && tasks[model->head.task].joined,
                         .clips = (int)decode->views.clips,
                         .crops = worker_views_crops(&decode->views),
                         .sampling = (enum frame_sampling)o->sampling,
                         .view = view_of(decode, model),
                         .augment = augment_of(decode)};
}

static int check_views(const struct show *show) {
    if (show->view.kind == VIEW_RANDOM_CROP && show->clips * show->crops > 1)
        return error(EXIT_USAGE, "--clips and --crops are for a pass over data: give --data or --list too");
    if (show->view.kind != VIEW_CENTRE_CROP && show->crops > 1)
        return error(EXIT_USAGE,
                     "--crops 3: the model's preprocess_cfg shows the whole picture and leaves none to crop");
    return 0;
}

// Whether there are videos is known of datasets alone; one of a list that cannot be decoded is a drop.
static int check_video(struct sources *sources) {
    char reason[IMAGE_REASON];
    if (!sources_have(sources, "video") || !video_available(reason)) return 0;
    return error(EXIT_USAGE, "the data has %s", reason);
}

// Bytes that decoding a sample takes. A decoder holds the frames that others are made from, h264's 16, of 12 bits a
// pixel, and its tables.
static int64_t decoded_bytes(struct span bytes) {
    enum { FRAMES_HELD = 16, TABLES = 1 << 20 };
    struct video *video;
    struct image_header header;
    char reason[IMAGE_REASON];
    if (!video_container_of(bytes.bytes, bytes.size))
        return image_read_header(&header, bytes.bytes, bytes.size, reason) ? 0 : 3LL * header.width * header.height;
    if (video_open(&video, bytes.bytes, bytes.size, reason)) return 0;
    const int64_t pixels = (int64_t)video_header(video)->width * video_header(video)->height;
    video_close(&video);
    return 2 * 3 * pixels + FRAMES_HELD * pixels * 3 / 2 + TABLES;
}

// Of the largest among the first samples, which stand for all: headers of millions are not read.
static int64_t largest_sample(const struct decode *decode) {
    enum { LOOKED_AT = 64 };
    int64_t largest = 0, samples = 0;
    bool growing;
    if (sources_count(decode->worker.sources, &samples, &growing)) return 0;
    for (int64_t n = 0; n < samples && n < LOOKED_AT; n++) {
        struct sample sample;
        struct encoded encoded;
        char reason[WORKER_REASON];
        if (sources_read(decode->worker.sources, n, &sample)) break;
        if (encoded_find(&encoded, NULL, &sample, &decode->encoded, reason, sizeof reason)) encoded.count = 0;
        for (int i = 0; i < encoded.count; i++) {
            const int64_t bytes = decoded_bytes(encoded.item[i]);
            if (bytes > largest) largest = bytes;
        }
        sample_release(&sample);
    }
    return largest;
}

static int open_samples(struct decode *decode) {
    static const char *const needs[] = {"image", "images", "video", NULL};
    int status = check_views(&decode->show);
    if (!status) status = worker_open(&decode->worker, SOURCES_IN_ORDER, needs);
    if (!status) status = check_video(decode->worker.sources);
    if (!status && !decode->samples.list) decode->worker.sample_bytes = largest_sample(decode);
    return status;
}

static int prepare(void *context, const struct strings *operands) {
    struct decode *decode = context;
    struct worker *worker = &decode->worker;
    struct model_config model;
    (void)operands;
    if (decode->own.extents && !decode->samples.list)
        return error(EXIT_USAGE, "--extents says what the lines of --list FILE are: give that too");
    int status = worker_visit(worker, &decode->run);
    if (!status) status = run_join(&decode->run, &model);
    if (status) return status;
    decode->show = show_of(decode, &model);
    decode->encoded = (struct encoded_options){decode->own.root, (size_t)decode->own.max_picture_bytes,
                                               decode->show.count > 1, decode->own.extents ? &decode->files : NULL};
    worker->extents = decode->own.extents;
    const int64_t picture = 3LL * model.vision.image_size * model.vision.image_size;
    decode->show.scratch = xmalloc((size_t)picture);
    worker->address = decode->run.options.images;
    worker->consumers = topology_consumers(&decode->run, "images");
    worker->row_bytes = picture * decode->show.count;
    worker->views = worker_views_count(&decode->views);
    return open_samples(decode);
}

static void *add_pixels(void *context, struct message *message, int samples) {
    const struct show *show = &((const struct decode *)context)->show;
    const int size = show->view.size;
    const struct shape shape =
        show->count > 1 ? SHAPE(samples, show->count, size, size, 3) : SHAPE(samples, size, size, 3);
    return message_add(message, TENSOR_PIXELS, DT_U8, shape);
}

static void make(void *context, void *tensor, int row, const struct sample *sample, char dropped[WORKER_REASON]) {
    struct decode *decode = context;
    const size_t row_bytes = (size_t)decode->worker.row_bytes;
    uint8_t *pixels = (uint8_t *)tensor + (size_t)row * row_bytes;
    struct encoded encoded;
    if (decode->run.options.blank_images) {
        memset(pixels, GREY, row_bytes);
        return;
    }
    int status = encoded_find(&encoded, &decode->file, sample, &decode->encoded, dropped, WORKER_REASON);
    if (!status) status = show_sample(&decode->show, pixels, sample, &encoded, dropped);
    if (status) memset(pixels, GREY, row_bytes);
}

static int run(void *context, struct hub *hub) {
    return worker_run(&((struct decode *)context)->worker, hub);
}

static void release(void *context) {
    struct decode *decode = context;
    worker_close(&decode->worker);
    free(decode->show.scratch);
    open_files_close(&decode->files);
    buffer_release(&decode->file);
}

int main(int argc, char **argv) {
    struct decode decode = {.worker = {.run = &decode.run,
                                       .options = &decode.samples,
                                       .edge = "images",
                                       .context = &decode,
                                       .add = add_pixels,
                                       .make = make}};
    struct option_table own = OPTION_TABLE(own_rows, &decode.own), samples = worker_options_table(&decode.samples),
                        views = worker_views_table(&decode.views);
    struct option_table *const tables[] = {&own, &samples, &views, &decode.run.table, NULL};
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
