// Videos: exact frames at chosen places, as 8-bit RGB pictures.
//
// The frames of a video are those that its decoder shows, in the order of their presentation times, from 0; what an
// edit list hides is none of them. They are turned upright by the display matrix, and made RGB with the matrix and
// range that the stream names, BT.601 and limited where it names none (as swscale has it). Pixels that are not square
// stay as they are stored, as in every loader of the field. FFmpeg does the decoding, in a shared object that is loaded
// when a video is opened; one thread and its exact arithmetic give the same bits every time.
#pragma once

#include "image/container.h"
#include "image/image.h"

struct video_header {
    enum video_container container;
    char codec[32];    // FFmpeg's name: "h264"
    int width, height; // upright
    int64_t frames;
    double seconds; // as the container says; 0: it does not
};

struct video;
// The bytes are borrowed until video_close. 0, or -EXIT_DATA with `reason` filled, nothing printed and nothing to
// close: no video, cut, broken, too large, or FFmpeg missing. What is cut says how many frames of it are there.
int video_open(struct video **video, const void *bytes, size_t size, char reason[IMAGE_REASON]);
void video_close(struct video **video);
const struct video_header *video_header(const struct video *video); // frames may be corrected by what reads

// Whether videos can be decoded at all. 0, or -EXIT_DATA with the reason.
int video_available(char reason[IMAGE_REASON]);

// Frame i of the n that stand for N; N < n repeats frames. One is the middle of the video whatever the rule.
//   starts    floor(i·N / n)          the first of each of n equal parts (LAVIS: numpy.arange(0, N, N / n), whose
//                                     rounding gives the frame before it for one i in a hundred (n, N))
//   centres   floor((2i + 1)·N / 2n)  the middle one of each (TSN, arXiv 1608.00859, when it tests)
//   linspace  numpy.linspace(0, N − 1, n) cut off (CLIP4Clip), to its bits: i times the double (N − 1)/(n − 1), the
//             last one N − 1
enum frame_sampling { SAMPLING_STARTS, SAMPLING_CENTRES, SAMPLING_LINSPACE }; // run/run_options.c: --sampling
int64_t frame_at(enum frame_sampling sampling, int64_t i, int64_t n, int64_t N);

// `count` frames of the clip-th of `clips` equal parts of the video, each of one frame at least.
struct video_wanted {
    enum frame_sampling sampling;
    int count, clip, clips;
};
int64_t video_frame(const struct video_wanted *wanted, int i, int64_t N); // frame i of those, of a video of N

// Hands frame `i` of those wanted on, lent for the call. A frame may come anew, and then replaces what came before it.
typedef void video_take(void *context, int i, const struct image *frame);

// All wanted frames, or -EXIT_DATA with the reason, in which case some may have been handed on: a frame that cannot be
// had says how many could.
int video_read(struct video *video, const struct video_wanted *wanted, video_take *take, void *context,
               char reason[IMAGE_REASON]);

// Decodes every frame. 0 or -EXIT_DATA with the reason.
int video_verify(struct video *video, char reason[IMAGE_REASON]);
