// Inside the shared object of videos: a demuxer on bytes in memory, and how frames become pixels.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

#include "image/video_backend.h"

struct ffmpeg {
    struct memory {
        const uint8_t *bytes; // borrowed
        int64_t size, at;
    } memory;
    enum video_container container;
    AVFormatContext *format; // with an I/O context of our own
    int stream, width, height;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    bool draining;  // the demuxer has ended, the decoder not yet
    int64_t frames; // decoded since the start or the last seek, for reasons
    struct SwsContext *scaler;
    char *reason; // [IMAGE_REASON], borrowed
};

void *ffmpeg_held(void *memory); // what libav made, NULL only for want of memory, which ends the process
int ffmpeg_refuse(struct ffmpeg *self, const char *what, int status); // says why; -EXIT_DATA

// Opens the demuxer at the beginning, in place of one that is open. 0 or -EXIT_DATA.
int demuxer_open(struct ffmpeg *self);
void demuxer_close(struct ffmpeg *self);
int demuxer_read(struct ffmpeg *self); // self->packet, of the stream: VIDEO_STEP, VIDEO_END or -EXIT_DATA

int pixels_convert(struct ffmpeg *self, uint8_t *rgb);
int orientation_of(const AVStream *stream);
