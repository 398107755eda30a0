// libavformat on bytes in memory. A file may name others, which are never opened; which demuxer reads it is said by its
// first bytes and not guessed from what it pretends to be.
#include "image/ffmpeg/ffmpeg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/avutil.h>
#include <libavutil/error.h>

#include "base/fail.h"

enum { READ_BYTES = 32 << 10 };

void *ffmpeg_held(void *memory) {
    if (memory) return memory;
    fputs("out of memory in FFmpeg\n", stderr);
    exit(EXIT_RUN);
}

int ffmpeg_refuse(struct ffmpeg *self, const char *what, int status) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(status, text, sizeof text);
    snprintf(self->reason, IMAGE_REASON, "bad %s: %s: %s", video_container_name(self->container), what, text);
    return -EXIT_DATA;
}

static int read_memory(void *context, uint8_t *bytes, int size) {
    struct memory *memory = context;
    const int64_t left = memory->size - memory->at;
    if (left <= 0) return AVERROR_EOF;
    if (left < size) size = (int)left;
    memcpy(bytes, memory->bytes + memory->at, (size_t)size);
    memory->at += size;
    return size;
}

static int64_t seek_memory(void *context, int64_t offset, int whence) {
    struct memory *memory = context;
    if (whence == AVSEEK_SIZE) return memory->size;
    if (whence == SEEK_CUR) offset += memory->at;
    if (whence == SEEK_END) offset += memory->size;
    if (offset < 0 || offset > memory->size) return AVERROR(EINVAL);
    return memory->at = offset;
}

static int refuse_other_files(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                              AVDictionary **options) {
    (void)format, (void)url, (void)flags, (void)options;
    *io = NULL;
    return AVERROR(EACCES);
}

void demuxer_close(struct ffmpeg *self) {
    AVIOContext *io = self->format ? self->format->pb : NULL;
    avformat_close_input(&self->format);
    if (io) av_freep(&io->buffer);
    avio_context_free(&io);
}

static AVIOContext *open_memory(struct memory *memory) {
    memory->at = 0;
    uint8_t *buffer = ffmpeg_held(av_malloc(READ_BYTES));
    return ffmpeg_held(avio_alloc_context(buffer, READ_BYTES, 0, memory, read_memory, NULL, seek_memory));
}

int demuxer_open(struct ffmpeg *self) {
    static const char *const names[] = {[VIDEO_MP4] = "mov", [VIDEO_MATROSKA] = "matroska", [VIDEO_AVI] = "avi"};
    demuxer_close(self);
    AVIOContext *io = open_memory(&self->memory);
    self->format = ffmpeg_held(avformat_alloc_context());
    self->format->pb = io;
    self->format->io_open = refuse_other_files;
    self->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    const int status = avformat_open_input(&self->format, NULL, av_find_input_format(names[self->container]), NULL);
    if (!status) return 0;
    av_freep(&io->buffer); // on failure libavformat frees the context alone
    avio_context_free(&io);
    return ffmpeg_refuse(self, "its header", status);
}

int demuxer_read(struct ffmpeg *self) {
    int status;
    do {
        av_packet_unref(self->packet);
        status = av_read_frame(self->format, self->packet);
    } while (!status && self->packet->stream_index != self->stream);
    if (status == AVERROR_EOF) return VIDEO_END;
    return status ? ffmpeg_refuse(self, "a packet", status) : VIDEO_STEP;
}
