// JPEG to a 224 x 224 random resized crop, against libjpeg-turbo's full decode of the same files, on one core.
//
//     bench_image [DIRECTORY of .jpg]
//
// Without a directory it makes photo-like pictures (photo.h). Times are the processor's, and the shortest of ROUNDS for
// each file, so that other work on the machine hardly shows. Exits 1 below the limit.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jpeglib.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/augment.h"
#include "image/resize.h"
#include "image/view.h"
#include "photo.h"

enum { PICTURES = 24, ROUNDS = 10, FILES_LIMIT = 512, SIDE = 224 };
#define LIMIT 0.75

struct file {
    void *bytes;
    size_t size;
};
struct files {
    struct file item[FILES_LIMIT];
    int count;
};

static void read_directory(struct files *files, const char *path) {
    DIR *directory = opendir(path);
    if (!directory) die(EXIT_USAGE, "cannot open %s", path);
    for (struct dirent *entry; (entry = readdir(directory)) && files->count < FILES_LIMIT;) {
        const char *suffix = strrchr(entry->d_name, '.');
        if (!suffix || (strcasecmp(suffix, ".jpg") && strcasecmp(suffix, ".jpeg"))) continue;
        char *name = path_join(path, entry->d_name);
        struct buffer buffer = {0};
        if (file_read(name, 64 << 20, &buffer)) exit(EXIT_DATA);
        files->item[files->count++] = (struct file){buffer.bytes, buffer.size};
        free(name);
    }
    closedir(directory);
    if (!files->count) die(EXIT_USAGE, "no .jpg in %s", path);
}

static void decode_full(const struct file *file) {
    static uint8_t *pixels;
    static size_t capacity;
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    decoder.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&decoder);
    jpeg_mem_src(&decoder, file->bytes, file->size);
    jpeg_read_header(&decoder, TRUE);
    decoder.out_color_space = JCS_RGB;
    jpeg_start_decompress(&decoder);
    size_t stride = 3 * (size_t)decoder.output_width;
    if (stride * decoder.output_height > capacity) pixels = xrealloc(pixels, capacity = stride * decoder.output_height);
    while (decoder.output_scanline < decoder.output_height) {
        JSAMPROW rows[16];
        for (JDIMENSION i = 0; i < 16; i++) rows[i] = pixels + stride * (decoder.output_scanline + i);
        JDIMENSION left = decoder.output_height - decoder.output_scanline;
        jpeg_read_scanlines(&decoder, rows, left < 16 ? left : 16);
    }
    jpeg_finish_decompress(&decoder);
    jpeg_destroy_decompress(&decoder);
}

static const struct view_options
    usual = {.size = SIDE, .scale_low = 0.9, .scale_high = 1, .ratio_low = 3.0 / 4, .ratio_high = 4.0 / 3},
    small = {.size = SIDE, .scale_low = 0.08, .scale_high = 0.25, .ratio_low = 3.0 / 4, .ratio_high = 4.0 / 3};
static uint8_t view[3 * SIDE * SIDE];

// Each file has its crop, the same in all rounds.
static void make_view(const struct view_options *options, const struct file *file) {
    char reason[IMAGE_REASON];
    struct random_key key = random_subkey(random_key(1, "bench"), file->size);
    if (image_view(view, options, key, file->bytes, file->size, reason)) die(EXIT_DATA, "%s", reason);
}

static void view_usual(const struct file *file) {
    make_view(&usual, file);
}

static void view_small(const struct file *file) {
    make_view(&small, file);
}

// A resize alone, of a picture that lies there.
static void resize_by(const struct resize_kernels *kernels) {
    static uint8_t pixels[3 * PHOTO_WIDTH * PHOTO_HEIGHT];
    struct resize_map map = {{8, 9, 480, 360}, {8, 9, 480, 360}, SIDE, SIDE, {0, 0, SIDE, SIDE}, FILTER_BICUBIC};
    struct resizer resizer;
    resizer_begin(&resizer, view, &map, kernels);
    struct row_sink sink = resizer_sink(&resizer);
    sink.rows(sink.context, pixels, 3 * PHOTO_WIDTH, resizer.part.height);
    resizer_end(&resizer);
}

static void resize_fast(const struct file *file) {
    (void)file;
    resize_by(resize_fastest());
}

static void resize_plainly(const struct file *file) {
    (void)file;
    resize_by(&resize_plain);
}

// The paper's for ImageNet, on the view that lies there; each file has its operations.
static void augment(const struct file *file) {
    static const struct augment_options paper = {.layers = 2, .level = 20};
    static uint8_t scratch[sizeof view];
    image_augment(view, SIDE, &paper, random_subkey(random_key(1, "bench"), file->size), scratch);
}

static struct job {
    const char *name;
    void (*run)(const struct file *file);
    double best[FILES_LIMIT]; // seconds
} jobs[] = {
    {.name = "libjpeg-turbo, full decode", .run = decode_full},
    {.name = "view, 0.9 to 1.0 of the area", .run = view_usual},
    {.name = "view, 0.08 to 0.25 of the area", .run = view_small},
    {.name = "resize alone, fastest", .run = resize_fast},
    {.name = "resize alone, plain C", .run = resize_plainly},
    {.name = "RandAugment 2, 20 alone", .run = augment},
};
enum { FULL, USUAL, JOBS = sizeof jobs / sizeof *jobs };

static double processor_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void time_job(struct job *job, const struct files *files) {
    for (int i = 0; i < files->count; i++) {
        double start = processor_seconds();
        job->run(&files->item[i]);
        double taken = processor_seconds() - start;
        if (!job->best[i] || taken < job->best[i]) job->best[i] = taken;
    }
}

static double mean_seconds(const struct job *job, int files) {
    double sum = 0;
    for (int i = 0; i < files; i++) sum += job->best[i];
    return sum / files;
}

static double mean_size(const struct files *files) {
    double bytes = 0;
    for (int i = 0; i < files->count; i++) bytes += (double)files->item[i].size;
    return bytes / files->count;
}

int main(int argc, char **argv) {
    fail_name("bench_image");
    static struct files files;
    if (argc > 1) read_directory(&files, argv[1]);
    for (; files.count < PICTURES && argc <= 1; files.count++) {
        struct file *file = &files.item[files.count];
        if (photo_make(&file->bytes, &file->size, (uint64_t)files.count)) exit(EXIT_RUN);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int j = 0; j < JOBS; j++) time_job(&jobs[j], &files);
    }
    printf("%d files of %.1f KiB on average\n", files.count, mean_size(&files) / 1024);
    double full = mean_seconds(&jobs[FULL], files.count), ratio = full / mean_seconds(&jobs[USUAL], files.count);
    for (int j = 0; j < JOBS; j++) {
        double seconds = mean_seconds(&jobs[j], files.count);
        printf("%-32s %8.0f a second  %6.3f ms  %5.2f x\n", jobs[j].name, 1 / seconds, 1e3 * seconds, full / seconds);
    }
    printf("JPEG to view: %.2f of the full decode's rate, limit %.2f: %s\n", ratio, LIMIT,
           ratio >= LIMIT ? "ok" : "TOO SLOW");
    return ratio >= LIMIT ? 0 : EXIT_RUN;
}
