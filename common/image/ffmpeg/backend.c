// The shared object of videos: libavformat and libavcodec behind video_backend.h. Decoding is done with one thread and
// libavcodec's exact arithmetic, so that a file gives the same bits every time. A frame that the decoder mended is as
// broken as one that it refused: what is in it was never filmed.
#include "image/ffmpeg/ffmpeg.h"

#include <stdio.h>

#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>

#include "base/fail.h"

// Of one allocation of FFmpeg: forged counts ask for more. A frame of IMAGE_PIXEL_LIMIT in 4:4:4 takes less.
#define ALLOCATION_LIMIT ((size_t)1 << 30)

static int find_stream(struct ffmpeg *self) {
    int status = avformat_find_stream_info(self->format, NULL);
    if (status < 0) return ffmpeg_refuse(self, "its streams", status);
    self->stream = av_find_best_stream(self->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (self->stream < 0 || self->format->streams[self->stream]->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return ffmpeg_refuse(self, "it has no video", AVERROR_STREAM_NOT_FOUND);
    return 0;
}

static int refuse_size(struct ffmpeg *self, int width, int height) {
    snprintf(self->reason, IMAGE_REASON, "video of %d x %d pixels; at most %d a side and %d in all are decoded", width,
             height, IMAGE_SIDE_LIMIT, IMAGE_PIXEL_LIMIT);
    return -EXIT_DATA;
}

static int open_decoder(struct ffmpeg *self) {
    const AVStream *stream = self->format->streams[self->stream];
    const AVCodecParameters *parameters = stream->codecpar;
    const int64_t width = parameters->width, height = parameters->height;
    if (width < 1 || height < 1 || width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT ||
        width * height > IMAGE_PIXEL_LIMIT)
        return refuse_size(self, parameters->width, parameters->height);
    self->width = parameters->width;
    self->height = parameters->height;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec) return ffmpeg_refuse(self, avcodec_get_name(parameters->codec_id), AVERROR_DECODER_NOT_FOUND);
    self->decoder = ffmpeg_held(avcodec_alloc_context3(codec));
    int status = avcodec_parameters_to_context(self->decoder, parameters);
    self->decoder->thread_count = 1;
    self->decoder->pkt_timebase = stream->time_base;
    self->decoder->flags |= AV_CODEC_FLAG_BITEXACT;
    self->decoder->max_pixels = IMAGE_PIXEL_LIMIT;
    if (status >= 0) status = avcodec_open2(self->decoder, codec, NULL);
    return status < 0 ? ffmpeg_refuse(self, codec->name, status) : 0;
}

static double seconds_of(const AVFormatContext *format, const AVStream *stream) {
    if (stream->duration > 0) return (double)stream->duration * av_q2d(stream->time_base);
    return format->duration > 0 ? (double)format->duration / AV_TIME_BASE : 0;
}

static void describe(const struct ffmpeg *self, struct video_stream *stream) {
    const AVStream *from = self->format->streams[self->stream];
    *stream = (struct video_stream){.width = from->codecpar->width,
                                    .height = from->codecpar->height,
                                    .orientation = orientation_of(from),
                                    .seconds = seconds_of(self->format, from)};
    snprintf(stream->codec, sizeof stream->codec, "%s", avcodec_get_name(from->codecpar->codec_id));
}

static void ffmpeg_close(void *state) {
    struct ffmpeg *self = state;
    demuxer_close(self);
    avcodec_free_context(&self->decoder);
    av_packet_free(&self->packet);
    av_frame_free(&self->frame);
    sws_freeContext(self->scaler);
    av_free(self);
}

static void *ffmpeg_open(enum video_container container, const void *bytes, size_t size, struct video_stream *stream,
                         char *reason) {
    av_log_set_level(AV_LOG_QUIET);
    av_max_alloc(ALLOCATION_LIMIT);
    struct ffmpeg *self = ffmpeg_held(av_mallocz(sizeof *self));
    *self = (struct ffmpeg){.memory = {bytes, (int64_t)size, 0}, .container = container, .reason = reason};
    self->packet = ffmpeg_held(av_packet_alloc());
    self->frame = ffmpeg_held(av_frame_alloc());
    int status = demuxer_open(self);
    if (!status) status = find_stream(self);
    if (!status) status = open_decoder(self);
    if (!status) {
        describe(self, stream);
        return self;
    }
    ffmpeg_close(self);
    return NULL;
}

static int ffmpeg_packet(void *state, struct video_packet *packet) {
    struct ffmpeg *self = state;
    const int status = demuxer_read(self);
    if (status != VIDEO_STEP) return status;
    const AVPacket *from = self->packet;
    if (from->flags & AV_PKT_FLAG_CORRUPT) return ffmpeg_refuse(self, "a packet", AVERROR_INVALIDDATA);
    *packet = (struct video_packet){.pts = from->pts,
                                    .dts = from->dts,
                                    .timed = from->pts != AV_NOPTS_VALUE,
                                    .key = from->flags & AV_PKT_FLAG_KEY,
                                    .shown = !(from->flags & AV_PKT_FLAG_DISCARD)};
    return VIDEO_STEP;
}

static void begin_anew(struct ffmpeg *self) {
    avcodec_flush_buffers(self->decoder);
    self->draining = false;
    self->frames = 0;
}

static int ffmpeg_rewind(void *state) {
    struct ffmpeg *self = state;
    begin_anew(self);
    const int status = demuxer_open(self);
    if (status || (unsigned)self->stream < self->format->nb_streams) return status;
    return ffmpeg_refuse(self, "its streams", AVERROR_STREAM_NOT_FOUND);
}

// Indices are by decoding time in MP4 and AVI, by presentation time in Matroska.
static int ffmpeg_seek(void *state, const struct video_packet *key_packet) {
    struct ffmpeg *self = state;
    const bool by_pts = self->container == VIDEO_MATROSKA || key_packet->dts == AV_NOPTS_VALUE;
    begin_anew(self);
    const int status =
        av_seek_frame(self->format, self->stream, by_pts ? key_packet->pts : key_packet->dts, AVSEEK_FLAG_BACKWARD);
    return status < 0 ? ffmpeg_refuse(self, "a seek", status) : 0;
}

static int refuse_frame(struct ffmpeg *self, int status) {
    char what[64];
    snprintf(what, sizeof what, "%s frame behind the first %lld", avcodec_get_name(self->decoder->codec_id),
             (long long)self->frames);
    return ffmpeg_refuse(self, what, status);
}

// The next packet of the stream, or at its end the request to hand out what is held back.
static int feed(struct ffmpeg *self) {
    const int step = self->draining ? VIDEO_END : demuxer_read(self);
    if (step < 0) return step;
    if (step == VIDEO_STEP && self->packet->flags & AV_PKT_FLAG_CORRUPT) return refuse_frame(self, AVERROR_INVALIDDATA);
    self->draining = step == VIDEO_END;
    const int status = avcodec_send_packet(self->decoder, self->draining ? NULL : self->packet);
    return status && status != AVERROR_EOF ? refuse_frame(self, status) : 0;
}

static int check_frame(struct ffmpeg *self) {
    const AVFrame *frame = self->frame;
    if (frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags)
        return refuse_frame(self, AVERROR_INVALIDDATA);
    if (frame->width != self->width || frame->height != self->height) return refuse_frame(self, AVERROR_INPUT_CHANGED);
    self->frames++;
    return VIDEO_STEP;
}

static int ffmpeg_frame(void *state, int64_t *pts) {
    struct ffmpeg *self = state;
    int status;
    while ((status = avcodec_receive_frame(self->decoder, self->frame)) == AVERROR(EAGAIN)) {
        status = feed(self);
        if (status) return status;
    }
    if (status == AVERROR_EOF) return VIDEO_END;
    if (status) return refuse_frame(self, status);
    *pts = self->frame->best_effort_timestamp;
    return check_frame(self);
}

static int ffmpeg_pixels(void *state, uint8_t *rgb) {
    return pixels_convert(state, rgb);
}

__attribute__((visibility("default"))) const struct video_backend video_backend = {
    .size = VIDEO_BACKEND_SIZE,
    .open = ffmpeg_open,
    .packet = ffmpeg_packet,
    .rewind = ffmpeg_rewind,
    .seek = ffmpeg_seek,
    .frame = ffmpeg_frame,
    .pixels = ffmpeg_pixels,
    .close = ffmpeg_close,
};
