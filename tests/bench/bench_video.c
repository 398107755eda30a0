// Sixteen frames of a clip against decoding all of it, on one core: what seeking spares where there are key frames.
//
//     bench_video                  makes a clip of 600 frames with ffmpeg, a key frame each 12; exits 1 above the limit
//     bench_video FILE [COUNT]     writes the frames of a video, or COUNT of them (centres), as rgb24 to stdout
//                                  (check_video.py compares them)
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/video.h"

enum { ROUNDS = 5, FRAMES = 16 };
#define LIMIT 0.75

static void write_frame(void *context, int i, const struct image *frame) {
    (void)i;
    fwrite(frame->pixels, 3, (size_t)frame->width * (size_t)frame->height, context);
}

static void drop_frame(void *context, int i, const struct image *frame) {
    (void)context, (void)i, (void)frame;
}

static void read_or_die(struct video *video, int count, video_take *take, void *context) {
    char reason[IMAGE_REASON];
    const struct video_wanted wanted = {SAMPLING_CENTRES, count, 0, 1};
    if (video_read(video, &wanted, take, context, reason)) die(EXIT_DATA, "%s", reason);
}

static struct video *open_or_die(struct buffer *bytes, const char *path) {
    struct video *video;
    char reason[IMAGE_REASON];
    if (file_read(path, 1 << 30, bytes)) exit(EXIT_DATA);
    if (video_open(&video, bytes->bytes, bytes->size, reason)) die(EXIT_DATA, "%s: %s", path, reason);
    return video;
}

// The decoder's count, which the header has once all was decoded.
static void write_all(const char *path, int count) {
    struct buffer bytes = {0};
    char reason[IMAGE_REASON];
    struct video *video = open_or_die(&bytes, path);
    if (!count && video_verify(video, reason)) die(EXIT_DATA, "%s: %s", path, reason);
    read_or_die(video, count ? count : (int)video_header(video)->frames, write_frame, stdout);
    fprintf(stderr, "%d %d %lld\n", video_header(video)->width, video_header(video)->height,
            (long long)video_header(video)->frames);
    video_close(&video);
    buffer_release(&bytes);
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double shortest(struct buffer *bytes, bool all) {
    double best = 1e9;
    char reason[IMAGE_REASON];
    for (int i = 0; i < ROUNDS; i++) {
        struct video *video;
        const double start = seconds();
        if (video_open(&video, bytes->bytes, bytes->size, reason)) die(EXIT_DATA, "%s", reason);
        if (all)
            video_verify(video, reason);
        else
            read_or_die(video, FRAMES, drop_frame, NULL);
        video_close(&video);
        if (seconds() - start < best) best = seconds() - start;
    }
    return best;
}

static int measure(void) {
    static const char make[] = "ffmpeg -v error -y -f lavfi -i testsrc2=s=320x240:r=30:d=20 -pix_fmt yuv420p -g 12 ";
    char reason[IMAGE_REASON], path[] = "/tmp/bench-video-XXXXXX.mp4";
    struct buffer bytes = {0};
    if (video_available(reason)) return puts(reason) < 0;
    close(mkstemps(path, 4));
    char *command = xformat("%s %s", make, path);
    if (system(command)) die(EXIT_RUN, "ffmpeg made no clip");
    if (file_read(path, 1 << 30, &bytes)) exit(EXIT_DATA);
    unlink(path);
    const double all = shortest(&bytes, true), some = shortest(&bytes, false);
    printf("%d of 600 frames: %.3f of the time that all take (at most %.2f)\n", FRAMES, some / all, LIMIT);
    free(command);
    buffer_release(&bytes);
    return some / all > LIMIT;
}

int main(int argc, char **argv) {
    if (argc < 2) return measure();
    write_all(argv[1], argc > 2 ? atoi(argv[2]) : 0);
    return 0;
}
