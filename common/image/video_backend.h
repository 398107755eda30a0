// Between the image room and FFmpeg: what a demuxer and a decoder do, one step at a time. Which frames are wanted, and
// whether they are the right ones, is video.c's affair. The shared object (ffmpeg/) takes nothing from the executable,
// so that any program can load it, and reports in words alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/container.h"
#include "image/image.h"

#define VIDEO_OBJECT "coca_video.so"
#define VIDEO_OBJECT_ENTRY "video_backend"
#define VIDEO_CODEC_NAME 32

struct video_stream {
    char codec[VIDEO_CODEC_NAME];
    int width, height; // as stored, before the orientation is applied
    int orientation;   // EXIF's 1 … 8, of the display matrix
    double seconds;    // as the container says; 0: it does not
};

// One packet, which holds one frame where `shown`. Times are in the stream's own unit.
struct video_packet {
    int64_t pts, dts;
    bool timed, key, shown; // timed: pts is known
};

enum video_step { VIDEO_STEP, VIDEO_END }; // and -EXIT_DATA, with the reason of open filled

// The object exports one of these. `size` is what the three structs take: it was built for this executable when it is
// equal.
struct video_backend {
    size_t size;
    // The bytes and the reason [IMAGE_REASON] are borrowed until close. NULL: refused.
    void *(*open)(enum video_container container, const void *bytes, size_t size, struct video_stream *stream,
                  char *reason);
    int (*packet)(void *state, struct video_packet *packet);         // the stream's next one, undecoded
    int (*rewind)(void *state);                                      // 0 or -EXIT_DATA
    int (*seek)(void *state, const struct video_packet *key_packet); // 0 or -EXIT_DATA; frames may begin before it
    int (*frame)(void *state, int64_t *pts);                         // decodes the next one in the order of display
    int (*pixels)(void *state, uint8_t *rgb);                        // of that frame, [height,width,3]; 0 or -EXIT_DATA
    void (*close)(void *state);
};
#define VIDEO_BACKEND_SIZE (sizeof(struct video_backend) + sizeof(struct video_stream) + sizeof(struct video_packet))

// NULL, with a reason that says how to get it, where the object is missing or of another build. Any thread may ask.
const struct video_backend *video_backend_load(char reason[IMAGE_REASON]);
